import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { effectScope, ref, type EffectScope } from 'vue'
import { ApiError, type Api } from '@/api'
import type { Generation, GenerationQuery } from '@/api/types'
import { generation } from '@/test-helpers'
import type { Clock } from '../useClock'
import type { LiveEvents } from '../useEvents'
import { mergeGeneration, nextDeadline, useTimeline } from './useTimeline'

let scope: EffectScope
let server: Map<number, Generation>
let heard: ((data: unknown) => void) | undefined
let reconnected: (() => void) | undefined
const connected = ref(false)

const clock: Clock = { now: ref(0), read: () => Date.now(), learn: () => undefined }
const events: LiveEvents = {
  connected,
  start: () => undefined,
  stop: () => undefined,
  on: (_name, listener) => {
    heard = listener
    return () => undefined
  },
  onMissed: (listener) => {
    reconnected = listener
    return () => undefined
  },
  onLost: () => () => undefined,
  silentFor: () => (connected.value ? 0 : Infinity),
}

function api() {
  return {
    list: vi.fn(async ({ status, page = 1, page_size = 20 }: GenerationQuery) => {
      const found = [...server.values()].filter((item) => !status || status.split(',').includes(item.status))
      return { data: found.slice((page - 1) * page_size, page * page_size), total: found.length, page, page_size }
    }),
    get: vi.fn(async (id: number) => {
      const item = server.get(id)
      if (!item) throw new ApiError(404, 'not_found', '')
      return item
    }),
  } as unknown as Api['sora']
}

function begin() {
  const onEnd = vi.fn()
  const calls = api()
  const timeline = scope.run(() => useTimeline({ api: calls, events, clock, onEnd }))!
  return { timeline, onEnd, calls }
}

beforeEach(() => {
  vi.useFakeTimers({ now: Date.parse('2026-11-21T14:01:00Z') })
  scope = effectScope()
  server = new Map()
  connected.value = false
})
afterEach(() => {
  scope.stop()
  vi.useRealTimers()
})

describe('what is known of a job', () => {
  const running = generation({ status: 'generating', progress: 40, storage_type: 'none' })

  it('only goes forward: an answer that comes late changes nothing', () => {
    const done = generation()
    expect(mergeGeneration(done, running)).toBe(done)
    expect(mergeGeneration(running, generation({ status: 'pending' }))).toBe(running)
    expect(mergeGeneration(running, { ...running, progress: 30 }).progress).toBe(40)
    expect(mergeGeneration(running, { ...running, progress: 55 }).progress).toBe(55)
    expect(mergeGeneration(running, done)).toBe(done)
  })

  it('[UI-4] takes a stored copy for a link', () => {
    const link = generation({ storage_type: 'upstream' })
    expect(mergeGeneration(link, generation({ storage_type: 's3' })).storage_type).toBe('s3')
  })

  it('[UI-4] has an expected end that comes closer and never moves away', () => {
    const first = nextDeadline(undefined, { ...running, eta_seconds: 60 }, 1000)!
    expect(first).toBe(61_000)
    expect(nextDeadline(first, { ...running, eta_seconds: 90 }, 5000)).toBe(61_000)
    expect(nextDeadline(first, { ...running, eta_seconds: 20 }, 5000)).toBe(25_000)
    expect(nextDeadline(first, { ...running, eta_seconds: null }, 5000)).toBe(61_000)
    expect(nextDeadline(first, generation(), 5000)).toBeUndefined()
  })

  it('[UI-4] is reckoned from progress where the server gives no estimate', () => {
    const started = { ...running, started_at: new Date(0).toISOString(), progress: 25 }
    expect(nextDeadline(undefined, started, 30_000)).toBe(120_000)
  })
})

describe('the timeline', () => {
  it('[UI-5] [V-12] shows after a reload what runs and what is done, newest first', async () => {
    server.set(1, generation({ id: 1, created_at: '2026-11-21T13:00:00Z' }))
    server.set(2, generation({ id: 2, status: 'generating', storage_type: 'none', created_at: '2026-11-21T14:00:30Z' }))
    const { timeline } = begin()
    await timeline.refresh()
    expect(timeline.list.value.map((item) => item.id)).toEqual([2, 1])
    expect(timeline.running.value.map((item) => item.id)).toEqual([2])
  })

  it('[UI-3] draws nothing again that is as it was', async () => {
    server.set(1, generation({ id: 1 }))
    server.set(2, generation({ id: 2, prompt: 'before' }))
    const { timeline } = begin()
    await timeline.refresh()
    const before = [1, 2].map((id) => timeline.items.get(id))
    server.set(1, generation({ id: 1 }))
    server.set(2, generation({ id: 2, prompt: 'after' }))
    await timeline.refresh()
    expect(timeline.items.get(1)).toBe(before[0])
    expect(timeline.items.get(2)).toMatchObject({ prompt: 'after' })
  })

  it('[ST-9] finds the end of a job by asking, with events blocked, and tells of it once', async () => {
    server.set(2, generation({ id: 2, status: 'generating', storage_type: 'none' }))
    const { timeline, onEnd } = begin()
    await timeline.refresh()
    server.set(2, generation({ id: 2, completed_at: '2026-11-21T14:01:02Z' }))
    await vi.advanceTimersByTimeAsync(3000)
    expect(timeline.items.get(2)?.status).toBe('completed')
    await vi.advanceTimersByTimeAsync(60_000)
    expect(onEnd).toHaveBeenCalledOnce()
  })

  it('[ST-9] takes changes from events', async () => {
    const { timeline, onEnd } = begin()
    heard?.(generation({ id: 5, status: 'pending', storage_type: 'none' }))
    heard?.(generation({ id: 5, status: 'generating', progress: 10, storage_type: 'none' }))
    heard?.(generation({ id: 5 }))
    expect(timeline.list.value.map((item) => item.status)).toEqual(['completed'])
    expect(onEnd).toHaveBeenCalledOnce()
    heard?.({ id: 5, deleted: true })
    expect(timeline.list.value).toEqual([])
  })

  it('[UI-9] has the sentence of a failure in the language of the page, whatever the event spoke', async () => {
    server.set(1, generation({ id: 1, status: 'failed', error_message: '上游拒绝了' }))
    const { timeline } = begin()
    heard!(generation({ id: 1, status: 'failed', error_message: 'The upstream refused it' }))
    await vi.advanceTimersByTimeAsync(0)
    expect(timeline.list.value[0]?.error_message).toBe('上游拒绝了')
  })

  it('[UI-4] shows one card for a job whose event comes before the answer to its submission', () => {
    const { timeline } = begin()
    timeline.put(generation({ id: -1, status: 'pending' }))
    const sent = timeline.whileSending()
    heard!(generation({ id: 7, status: 'generating' }))
    expect(timeline.list.value.map((item) => item.id)).toEqual([-1])
    timeline.drop(-1)
    sent()
    expect(timeline.list.value.map((item) => [item.id, item.status])).toEqual([[7, 'generating']])
  })

  it('[ST-9] fetches what it missed when a lost connection is back', async () => {
    const { timeline } = begin()
    await timeline.refresh()
    server.set(3, generation({ id: 3 }))
    reconnected?.()
    await vi.advanceTimersByTimeAsync(0)
    expect(timeline.list.value.map((item) => item.id)).toEqual([3])
  })

  it('[ST-9] asks for nothing on a connection where the studio was not begun', async () => {
    server.set(3, generation({ id: 3 }))
    const { timeline } = begin()
    reconnected?.()
    await vi.advanceTimersByTimeAsync(0)
    expect(timeline.list.value).toEqual([])
  })

  it('loads older works page by page, to the end', async () => {
    for (let id = 1; id <= 50; id++) server.set(id, generation({ id }))
    const { timeline } = begin()
    await timeline.refresh()
    const seen = [timeline.list.value.length]
    for (let turn = 0; turn < 4 && timeline.hasMore.value; turn++) {
      await timeline.loadMore()
      seen.push(timeline.list.value.length)
    }
    expect(seen).toEqual([20, 40, 50])
  })

  it('drops a job that was deleted elsewhere', async () => {
    server.set(4, generation({ id: 4, status: 'generating', storage_type: 'none' }))
    const { timeline } = begin()
    await timeline.refresh()
    server.delete(4)
    await vi.advanceTimersByTimeAsync(3000)
    expect(timeline.list.value).toEqual([])
  })

  it('[UI-9] takes everything that stands here again, as another language has it', async () => {
    const said = (id: number, error_message: string) =>
      server.set(id, generation({ id, status: 'failed', storage_type: 'none', error_message }))
    for (let id = 1; id <= 50; id++) said(id, `failed ${id}`)
    const { timeline } = begin()
    await timeline.refresh()
    await timeline.loadMore()
    // By its address.
    await timeline.refreshOne(45)
    for (let id = 1; id <= 50; id++) said(id, `失败 ${id}`)
    await timeline.reread()
    expect(timeline.list.value).toHaveLength(50)
    expect(timeline.list.value.every(({ id, error_message }) => error_message === `失败 ${id}`)).toBe(true)
  })

  it('[UI-9] takes what was opened by its address again, and keeps it all where the server gives no answer', async () => {
    for (let id = 1; id <= 50; id++) server.set(id, generation({ id, error_message: 'failed' }))
    const { timeline, calls } = begin()
    await timeline.refresh()
    await timeline.refreshOne(45)
    const words = () => new Set(timeline.list.value.map((item) => item.error_message))
    vi.mocked(calls.list).mockRejectedValueOnce(new ApiError(503, 'busy', ''))
    await timeline.reread()
    expect([timeline.list.value.length, words()]).toEqual([21, new Set(['failed'])])
    for (let id = 1; id <= 50; id++) server.set(id, generation({ id, error_message: '失败' }))
    await timeline.reread()
    expect([timeline.list.value.length, words()]).toEqual([21, new Set(['失败'])])
  })
})
