import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { nextTick, reactive } from 'vue'
import { apiKey, type Api } from '@/api'
import type { Generation, GenerationQuery } from '@/api/types'
import { generation, withSetup } from '@/test-helpers'
import { eventsKey, type LiveEvents } from '../useEvents'
import { useLibrary } from './useLibrary'
import { soraKey, type Sora } from './useSora'

let works: Generation[]
let removed: (id: number) => void
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
  const events = { on: () => () => undefined } as unknown as LiveEvents
  const made = withSetup(useLibrary, (app) =>
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
    expect({ ...library.counts }).toEqual({ all: 100, video: 75, image: 25 })
  })

  it('[UI-7] goes on page by page, to the end and not beyond', async () => {
    const library = begin()
    await library.reload()
    const seen = [library.list.value.length]
    for (let turn = 0; turn < 4 && library.hasMore.value; turn++) {
      await library.loadMore()
      seen.push(library.list.value.length)
    }
    expect(seen).toEqual([40, 80, 100])
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
    expect(library.counts.all).toBe(11)
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
    expect(library.list.value).toHaveLength(40)
  })

  it('[UI-7] hides a work that waits to be deleted, and forgets it afterwards', async () => {
    const library = begin()
    await library.reload()
    hidden.add(100)
    expect(library.list.value[0]!.id).toBe(99)
    hidden.delete(100)
    expect(library.list.value[0]!.id).toBe(100)
    removed(100)
    expect(library.list.value[0]!.id).toBe(99)
  })

  it('[V-14] asks for a fresh link once when one no longer opens', async () => {
    const library = begin()
    await library.reload()
    await library.renew(100)
    await library.renew(100)
    expect(get).toHaveBeenCalledOnce()
    expect(library.list.value[0]!.media_url).toBe('/fresh')
  })
})
