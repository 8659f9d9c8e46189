import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { useI18n } from 'vue-i18n'
import type { Router } from 'vue-router'
import { queryRouter, withSetup } from '@/test-helpers'
import { useList, useSearchedList, type ListQuery } from './useList'

const fetchPage = vi.fn(async ({ page, page_size, q }: ListQuery) => ({
  data: [`${q || 'row'} of page ${page}`],
  total: 120,
  page,
  page_size,
}))
let stop: () => void
let router: Router

function begin() {
  const made = withSetup(
    () => ({ ...useSearchedList(fetchPage), locale: useI18n().locale }),
    (app) => app.use(router),
  )
  stop = made.stop
  return made.result
}

beforeEach(async () => {
  router = await queryRouter()
  vi.useFakeTimers()
  fetchPage.mockClear()
})
afterEach(() => {
  stop()
  vi.useRealTimers()
})

describe('a list in pages', () => {
  it('asks for the page that is turned to', async () => {
    const list = begin()
    await list.reload()
    list.page.value = 2
    await vi.advanceTimersByTimeAsync(0)
    expect(list.rows.value).toEqual(['row of page 2'])
    expect(list.total.value).toBe(120)
  })

  it('searches from the first page, when the typing rests', async () => {
    const list = begin()
    await list.reload()
    list.page.value = 3
    await vi.advanceTimersByTimeAsync(0)
    for (const text of ['k', 'ki', ' kite ']) {
      list.search.value = text
      await vi.advanceTimersByTimeAsync(100)
    }
    expect(fetchPage).toHaveBeenCalledTimes(2)
    await vi.advanceTimersByTimeAsync(300)
    expect(fetchPage).toHaveBeenLastCalledWith({ page: 1, page_size: 50, q: 'kite' })
    expect(fetchPage).toHaveBeenCalledTimes(3)
  })

  it('goes back to the last page there is when its own has emptied', async () => {
    const list = begin()
    await list.reload()
    list.page.value = 3
    await vi.advanceTimersByTimeAsync(0)
    fetchPage.mockResolvedValueOnce({ data: [], total: 100, page: 3, page_size: 50 })
    await list.reload()
    await vi.advanceTimersByTimeAsync(0)
    expect(list.page.value).toBe(2)
    expect(list.rows.value).toEqual(['row of page 2'])
  })

  it('says as long as it lasts that what it shows is old', async () => {
    const list = begin()
    await list.reload()
    const error = new Error('no')
    fetchPage.mockRejectedValueOnce(error)
    await list.reload()
    const again = list.reload()
    expect(list.error.value).toBe(error)
    await again
    expect(list.error.value).toBeNull()
  })

  it('shows the answer to the latest question, whichever comes last, and what went wrong', async () => {
    const list = begin()
    let late!: () => void
    fetchPage.mockImplementationOnce(
      () => new Promise((resolve) => (late = () => resolve({ data: ['old'], total: 1, page: 1, page_size: 50 }))),
    )
    void list.reload()
    await list.reload()
    late()
    await vi.advanceTimersByTimeAsync(0)
    expect(list.rows.value).toEqual(['row of page 1'])
    const error = new Error('no')
    fetchPage.mockRejectedValueOnce(error)
    await list.reload()
    expect(list.error.value).toBe(error)
    expect(list.rows.value).toEqual(['row of page 1'])
    expect(list.loading.value).toBe(false)
  })

  it('[UI-9] is asked for again where it stands when another language is spoken', async () => {
    const list = begin()
    list.locale.value = 'zh'
    await vi.advanceTimersByTimeAsync(0)
    expect(fetchPage).not.toHaveBeenCalled()
    await list.reload()
    list.page.value = 2
    await vi.advanceTimersByTimeAsync(0)
    list.locale.value = 'en'
    await vi.advanceTimersByTimeAsync(0)
    expect(fetchPage.mock.calls.map(([{ page }]) => page)).toEqual([1, 2, 2])
  })

  it('[UI-1] loads by itself when the network is back', async () => {
    const list = begin()
    fetchPage.mockRejectedValueOnce(new Error('no'))
    await list.reload()
    dispatchEvent(new Event('online'))
    await vi.advanceTimersByTimeAsync(0)
    expect([list.rows.value, list.error.value]).toEqual([['row of page 1'], null])
  })

  it('turns to nothing more once its view has gone', async () => {
    await router.push('/?page=3')
    const made = withSetup(
      () => useSearchedList(fetchPage),
      (app) => app.use(router),
    )
    stop = made.stop
    fetchPage.mockResolvedValueOnce({ data: [], total: 100, page: 3, page_size: 50 })
    const reload = made.result.reload()
    const replace = vi.spyOn(router, 'replace')
    stop()
    await reload
    expect(replace).not.toHaveBeenCalled()
  })

  it('asks for nothing where its rows are all here', async () => {
    const made = withSetup(
      () => useList(fetchPage, { none: { q: '', state: 'all' }, here: ['state', 'page'] }),
      (app) => app.use(router),
    )
    stop = made.stop
    const { filter, page } = made.result
    filter.state = 'error'
    await vi.advanceTimersByTimeAsync(0)
    page.value = 2
    await vi.advanceTimersByTimeAsync(0)
    expect(fetchPage).not.toHaveBeenCalled()
    filter.q = 'kite'
    await vi.advanceTimersByTimeAsync(0)
    expect(fetchPage).toHaveBeenCalledExactlyOnceWith({ page: 1, page_size: 50, q: 'kite', state: 'error' })
  })
})
