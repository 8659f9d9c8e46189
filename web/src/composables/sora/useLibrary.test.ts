import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { nextTick, reactive, ref } from 'vue'
import { ApiError, apiKey, type Api } from '@/api'
import { withQuery } from '@/api/client'
import { libraryPaths, type WorkKind } from '@/api/sora'
import type { Generation, GenerationQuery } from '@/api/types'
import { generation, withSetup } from '@/test-helpers'
import { eventsKey, type LiveEvents } from '../useEvents'
import { useLibrary } from './useLibrary'
import { soraKey, type Sora } from './useSora'

let works: Generation[]
let removed: (id: number) => void
let tell: (data: unknown) => void
let missed: () => void
let stop: () => void
const hidden = reactive(new Set<number>())

const list = vi.fn(async (query: GenerationQuery) => {
  const size = query.page_size ?? 20
  const found = works.filter(
    (work) => (!query.media_type || work.media_type === query.media_type) && work.prompt.includes(query.q ?? ''),
  )
  const from = ((query.page ?? 1) - 1) * size
  return { data: found.slice(from, from + size), total: found.length, page: query.page ?? 1, page_size: size }
})
const get = vi.fn(async (id: number) => generation({ id, media_url: '/fresh' }))

function begin() {
  const sora = {
    timeline: { hidden },
    onRemoved: (listener: typeof removed) => {
      removed = listener
      return () => undefined
    },
  } as unknown as Sora
  const events = {
    on: (_: string, listener: typeof tell) => {
      tell = listener
      return () => undefined
    },
    onMissed: (listener: typeof missed) => {
      missed = listener
      return () => undefined
    },
  } as unknown as LiveEvents
  const filter = ref<WorkKind>('all')
  const search = ref('')
  const made = withSetup(
    () => ({ filter, search, ...useLibrary(filter, search) }),
    (app) =>
      app
        .provide(apiKey, { sora: { list, get } } as unknown as Api)
        .provide(soraKey, sora)
        .provide(eventsKey, events),
  )
  stop = made.stop
  return made.result
}

beforeEach(() => {
  vi.useFakeTimers()
  hidden.clear()
  list.mockClear()
  get.mockClear()
  works = Array.from({ length: 100 }, (_, n) =>
    generation({
      id: 100 - n,
      prompt: `work ${100 - n}`,
      media_type: n % 4 ? 'video' : 'image',
      created_at: new Date(Date.UTC(2026, 10, 21) - n * 60_000).toISOString(),
    }),
  )
})
afterEach(() => {
  stop()
  vi.useRealTimers()
})

describe('the library', () => {
  it('[UI-7] asks for what is stored here, with counts of all, videos and images', async () => {
    const library = begin()
    await library.reload()
    expect(list.mock.calls.every(([query]) => query.storage_type === 's3,local')).toBe(true)
    expect(library.counts.value).toEqual({ all: 100, video: 75, image: 25 })
  })

  it('[UI-1, UI-7] asks for just what was sent for before it stood', async () => {
    await begin().reload()
    const asked = list.mock.calls.map(([query]) => withQuery('/api/v1/sora/generations', { ...query }))
    expect(asked).toEqual(libraryPaths)
  })

  it('[UI-7] counts every kind, whichever is looked at before the first answer', async () => {
    const library = begin()
    const first = library.reload()
    library.filter.value = 'video'
    await first
    await vi.runAllTimersAsync()
    expect(library.list.value.every((work) => work.media_type === 'video')).toBe(true)
    expect(library.counts.value).toEqual({ all: 100, video: 75, image: 25 })
  })

  it('[UI-7] keeps the counts of the words that are searched for now', async () => {
    const library = begin()
    await library.reload()
    let answer: (page: { data: Generation[]; total: number; page: number; page_size: number }) => void = () => {}
    list.mockImplementationOnce(() => new Promise((resolve) => (answer = resolve)))
    const older = library.reload()
    library.search.value = 'work 100'
    await vi.runAllTimersAsync()
    answer({ data: [], total: 77, page: 1, page_size: 50 })
    await older
    expect(library.counts.value.all).toBe(1)
  })

  it('[UI-7] shows an error, and no other works, where a filter is not answered', async () => {
    const library = begin()
    await library.reload()
    list.mockRejectedValueOnce(new ApiError(503, 'busy', ''))
    library.filter.value = 'image'
    await vi.runAllTimersAsync()
    expect([library.loaded.value, library.list.value.length]).toEqual([false, 0])
    expect(library.error.value).toBeInstanceOf(ApiError)
    await library.loadMore()
    expect(library.list.value).toHaveLength(25)
    expect(library.list.value.every((work) => work.media_type === 'image')).toBe(true)
  })

  it('[UI-7] goes on page by page, to the end and not beyond', async () => {
    const library = begin()
    await library.reload()
    const seen = [library.list.value.length]
    for (let turn = 0; turn < 4 && library.hasMore.value; turn++) {
      await library.loadMore()
      seen.push(library.list.value.length)
    }
    expect(seen).toEqual([50, 100, 100])
    expect(new Set(library.list.value.map((work) => work.id)).size).toBe(100)
  })

  it('[UI-7] shows only videos or images, and only prompts that match', async () => {
    const library = begin()
    await library.reload()
    library.filter.value = 'image'
    await vi.advanceTimersByTimeAsync(0)
    expect(library.list.value.every((work) => work.media_type === 'image')).toBe(true)
    library.filter.value = 'all'
    library.search.value = 'work 7'
    await vi.advanceTimersByTimeAsync(300)
    expect(library.list.value.map((work) => work.id)).toEqual([79, 78, 77, 76, 75, 74, 73, 72, 71, 70, 7])
    expect(library.counts.value.all).toBe(11)
  })

  it('shows the answer to the latest question, whichever comes last', async () => {
    const library = begin()
    await library.reload()
    let late!: () => void
    list.mockImplementationOnce(
      () => new Promise((resolve) => (late = () => resolve({ data: [], total: 0, page: 1, page_size: 40 }))),
    )
    library.filter.value = 'image'
    await nextTick()
    library.filter.value = 'video'
    await vi.advanceTimersByTimeAsync(0)
    late()
    await vi.advanceTimersByTimeAsync(0)
    expect(library.list.value).toHaveLength(50)
  })

  it('[UI-7] hides a work that waits to be deleted, and forgets it afterwards', async () => {
    const library = begin()
    await library.reload()
    hidden.add(100)
    expect(library.counts.value).toEqual({ all: 99, video: 75, image: 24 })
    expect(library.list.value[0]!.id).toBe(99)
    hidden.delete(100)
    expect(library.list.value[0]!.id).toBe(100)
    removed(100)
    expect(library.list.value[0]!.id).toBe(99)
  })

  it('[UI-7] misses no work when one was deleted between two pages', async () => {
    const library = begin()
    await library.reload()
    works = works.filter((work) => work.id !== 98)
    removed(98)
    while (library.hasMore.value) await library.loadMore()
    expect(library.list.value.map((work) => work.id)).toEqual(works.map((work) => work.id))
  })

  it('[UI-7] puts a work that is finished meanwhile where its time puts it, and stays where it is', async () => {
    const library = begin()
    await library.reload()
    const answered = list.mock.calls.length
    tell(generation({ id: 200, created_at: '2026-11-21T00:10:00Z' }))
    tell(generation({ id: 201, created_at: '2026-11-20T23:58:30Z' }))
    tell(generation({ id: 202, storage_type: 'upstream' }))
    tell(generation({ id: 203, status: 'failed', storage_type: 'none' }))
    expect(library.list.value.map((work) => work.id).slice(0, 4)).toEqual([200, 100, 99, 201])
    await vi.advanceTimersByTimeAsync(0)
    expect(list.mock.calls.slice(answered).every(([query]) => query.page_size === 1)).toBe(true)
    tell({ id: 200, deleted: true })
    expect(library.list.value[0]!.id).toBe(100)
  })

  it('[V-14] asks for a fresh link once when one no longer opens', async () => {
    const library = begin()
    await library.reload()
    await library.renew(100)
    await library.renew(100)
    expect(get).toHaveBeenCalledOnce()
    expect(library.list.value[0]!.media_url).toBe('/fresh')
  })

  it('[ST-9, UI-7] has what came while the line was broken, and nothing of it twice', async () => {
    const library = begin()
    await library.reload()
    const before = library.list.value.map((work) => work.id)
    works.unshift(generation({ id: 101, created_at: new Date(Date.UTC(2026, 10, 22)).toISOString() }))
    missed()
    await vi.advanceTimersByTimeAsync(0)
    expect(library.list.value.map((work) => work.id)).toEqual([101, ...before])
    expect(library.counts.value.all).toBe(101)
  })

  it('[UI-1] loads by itself when the network is back', async () => {
    const library = begin()
    list.mockRejectedValueOnce(new ApiError(0, 'network', ''))
    await library.reload()
    expect(library.loaded.value).toBe(false)
    dispatchEvent(new Event('online'))
    await vi.advanceTimersByTimeAsync(0)
    expect([library.list.value.length, library.error.value]).toEqual([50, null])
  })
})
