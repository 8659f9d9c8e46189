import { describe, expect, it, vi } from 'vitest'
import type { Query } from './client'
import { allRows, largestPage } from './pages'

const rows = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => ({ id: from + n }))

function listOf(all: { id: number }[]) {
  return vi.fn(async ({ page, page_size }: Query) => {
    const from = (Number(page) - 1) * Number(page_size)
    return {
      data: all.slice(from, from + Number(page_size)),
      total: all.length,
      page: Number(page),
      page_size: largestPage,
    }
  })
}

describe('all rows of a list', () => {
  it('[AD-1] come page by page, with what was asked for', async () => {
    const list = listOf(rows(1, 250))
    expect(await allRows(list, { q: 'kite' })).toEqual(rows(1, 250))
    expect(list.mock.calls.map(([query]) => query)).toEqual(
      [1, 2, 3].map((page) => ({ q: 'kite', page, page_size: largestPage })),
    )
  })

  it('[AD-1] are one question where they fit on a page, and where there are none', async () => {
    for (const all of [rows(1, largestPage), []]) {
      const list = listOf(all)
      expect(await allRows(list)).toEqual(all)
      expect(list).toHaveBeenCalledTimes(1)
    }
  })

  it('[AD-1] are each there once when one moves from page to page, and end when pages run out', async () => {
    const pages = [rows(1, 100), rows(100, 150), []]
    const list = vi.fn(async ({ page }: Query) => ({
      data: pages[Number(page) - 1]!,
      total: 400,
      page: Number(page),
      page_size: largestPage,
    }))
    expect(await allRows(list)).toEqual(rows(1, 150))
    expect(list).toHaveBeenCalledTimes(3)
  })
})
