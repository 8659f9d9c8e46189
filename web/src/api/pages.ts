import type { Query } from './client'
import type { Page } from './types'

/** The most rows a server gives in one answer. */
export const largestPage = 100

/** All rows of a list that is changed while it is read: each is there once, and one that is added meanwhile
 * may come with the next reading. */
export async function allRows<T extends { id: number }>(
  list: (query: Query) => Promise<Page<T>>,
  query: Query = {},
): Promise<T[]> {
  const rows = new Map<number, T>()
  for (let page = 1, read = 0; ; page++) {
    const answer = await list({ ...query, page, page_size: largestPage })
    for (const row of answer.data) rows.set(row.id, row)
    read += answer.data.length
    if (!answer.data.length || read >= answer.total) return [...rows.values()]
  }
}
