import { flushPromises } from '@vue/test-utils'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ref } from 'vue'
import { ApiError } from '@/api'
import type { Generation } from '@/api/types'
import { fakeServer, generation, pageOf, withSetup } from '@/test-helpers'
import { clockKey, createClock } from '../useClock'
import { eventsKey, type LiveEvents } from '../useEvents'
import { createToasts, toastsKey } from '../useToasts'
import { provideSora } from './useSora'
import { undoMs } from './useUndoDelete'

const now = Date.parse('2026-11-22T10:00:00Z')
const minute = 60_000
const at = (ms: number) => new Date(ms).toISOString()
const works = '/api/v1/sora/generations'
let ends: (() => void)[] = []

beforeEach(() => {
  vi.useFakeTimers({ now })
  sessionStorage.clear()
})
afterEach(() => {
  ends.forEach((end) => end())
  vi.useRealTimers()
})

/** Someone whose server holds these works, and what the server says of itself as it happens. */
async function begin(held: Generation[] = [], storage = { s3_enabled: true, s3_healthy: true, local_enabled: true }) {
  const server = fakeServer()
  const heard = new Map<string, (data: unknown) => void>()
  const nothing = () => () => undefined
  const events: LiveEvents = {
    connected: ref(true),
    start: () => undefined,
    stop: () => undefined,
    on: (name, listener) => (heard.set(name, listener), () => undefined),
    onMissed: nothing,
    onLost: nothing,
    silentFor: () => 0,
  }
  Object.assign(server.answers, {
    [`GET ${works}`]: () => pageOf(held),
    'GET /api/v1/sora/quota': () => ({ quota_bytes: 100, used_bytes: 40, available_bytes: 60, quota_source: 'user' }),
    'GET /api/v1/sora/storage-status': () => storage,
    'GET /api/v1/sora/models': () => ({ data: [{ id: 'sora2-landscape-10s', name: 'Sora 2', media_type: 'video' }] }),
  })
  const clock = createClock()
  const toasts = createToasts()
  const { result: sora, stop } = withSetup(
    () => provideSora({ owner: 7 }),
    (app) => {
      server.provide(app)
      app.provide(clockKey, clock).provide(eventsKey, events).provide(toastsKey, toasts)
    },
  )
  ends = [stop, clock.stop]
  await sora.start()
  return { sora, server, toasts, tell: (name: string, data: unknown) => heard.get(name)!(data) }
}

describe('what the Sora pages share', () => {
  it('[UI-2, UI-5] is read once, and the quota and the models follow what the server tells', async () => {
    const { sora, server, tell } = await begin([generation()])
    await sora.start()
    expect(server.sentTo('GET /api/v1/sora/quota')).toHaveLength(1)
    expect([sora.timeline.list.value.length, sora.families.value.length]).toEqual([1, 1])
    expect([sora.full.value, sora.canSave.value, sora.noStorage.value]).toEqual([false, true, false])
    tell('quota', { quota_bytes: 100, used_bytes: 100, available_bytes: 0, quota_source: 'user' })
    expect(sora.full.value).toBe(true)
    server.answers['GET /api/v1/sora/models'] = () => ({ data: [] })
    server.answers['GET /api/v1/sora/storage-status'] = () => ({})
    tell('settings', {})
    await flushPromises()
    expect([sora.families.value.length, sora.canSave.value, sora.noStorage.value]).toEqual([0, undefined, true])
  })

  it('[UI-4, V-6] tells of a link five minutes before it closes, and once more at two', async () => {
    const link = generation({ storage_type: 'upstream', completed_at: at(now - 9.5 * minute) })
    const { sora, toasts } = await begin([link])
    expect(toasts.current.value).toBeNull()
    await vi.advanceTimersByTimeAsync(0.5 * minute)
    expect(toasts.current.value).toMatchObject({ tone: 'warn' })
    expect(toasts.current.value!.text).toContain('closes in 5 min')
    expect(sora.announcement.value).toBe('')
    await vi.advanceTimersByTimeAsync(3 * minute)
    expect(sora.announcement.value).toContain('closes in 2 min')
    expect(toasts.current.value).toBeNull()
  })

  it('[UI-5, V-6] offers a finished work at once where nothing is stored, and only there', async () => {
    const { sora, tell } = await begin([], { s3_enabled: false, s3_healthy: false, local_enabled: false })
    const link = { storage_type: 'upstream', completed_at: at(now) } as const
    tell('generation', generation({ id: 3, status: 'generating', storage_type: 'none' }))
    tell('generation', generation({ id: 3, ...link }))
    expect(sora.offered.value).toEqual([3])
    expect(sora.announcement.value).toContain('A lighthouse in fog')
    ends.forEach((end) => end())
    const stored = await begin()
    stored.tell('generation', generation({ id: 4, status: 'generating', storage_type: 'none' }))
    stored.tell('generation', generation({ id: 4, ...link }))
    expect(stored.sora.offered.value).toEqual([])
  })

  it('[SG-7, UI-7] deletes when 8 s have passed, and shows again what could not be deleted', async () => {
    const { sora, server, toasts } = await begin([generation({ id: 1 }), generation({ id: 2 })])
    const gone: number[] = []
    sora.onRemoved((id) => gone.push(id))
    const shown = () => sora.timeline.list.value.map((item) => item.id).sort()
    server.answers[`DELETE ${works}/1`] = () => undefined
    sora.remove(generation({ id: 1 }))
    await vi.advanceTimersByTimeAsync(undoMs - 1)
    expect([shown(), server.sentTo(`DELETE ${works}/1`).length]).toEqual([[2], 0])
    await vi.advanceTimersByTimeAsync(1)
    expect([gone, server.sentTo(`DELETE ${works}/1`).length]).toEqual([[1], 1])
    server.answers[`DELETE ${works}/2`] = () => {
      throw new ApiError(503, 'busy', 'Later, please.')
    }
    sora.remove(generation({ id: 2 }))
    expect(shown()).toEqual([])
    await vi.advanceTimersByTimeAsync(undoMs)
    expect([shown(), gone]).toEqual([[2], [1]])
    expect(toasts.current.value).toMatchObject({ tone: 'danger', text: 'Later, please.' })
  })

  it('[ST-6, UI-4] puts a saved work in the place of its link, and says when it is too late', async () => {
    const link = generation({ id: 5, storage_type: 'upstream', completed_at: at(now) })
    const { sora, server, toasts } = await begin([link])
    server.answers[`POST ${works}/5/save`] = () => {
      throw new ApiError(410, 'link_expired', 'as the server says it')
    }
    await sora.save(link)
    expect(toasts.current.value!.text).not.toContain('as the server says it')
    server.answers[`POST ${works}/5/save`] = () => ({ ...link, storage_type: 's3' })
    await sora.save(link)
    expect(sora.timeline.items.get(5)?.storage_type).toBe('s3')
  })

  it('[ST-6, SG-9, UI-6] leads to the library where there is no room for what is to be saved', async () => {
    const link = generation({ id: 5, storage_type: 'upstream', completed_at: at(now) })
    const { sora, server, toasts } = await begin([link])
    server.answers[`POST ${works}/5/save`] = () => {
      throw new ApiError(429, 'quota_exceeded', 'Storage is full.', { quota_bytes: 9, used_bytes: 8 })
    }
    await sora.save(link)
    expect(sora.quotaFull.value).toEqual({ quota_bytes: 9, used_bytes: 8 })
    expect(toasts.current.value).toBeNull()
  })

  it('[UI-7] tells which deletions were taken back, and only those that still could be', async () => {
    const { sora, server, toasts } = await begin([generation({ id: 1 }), generation({ id: 2 })])
    server.answers[`DELETE ${works}/1`] = () => undefined
    const back: number[][] = []
    sora.onTakenBack((ids) => back.push(ids))
    sora.remove(generation({ id: 1 }))
    await vi.advanceTimersByTimeAsync(undoMs - 1)
    sora.remove(generation({ id: 2 }))
    await vi.advanceTimersByTimeAsync(1)
    const undo = toasts.current.value!.action!.run
    undo()
    undo()
    expect(back).toEqual([[2]])
  })

  it('[ST-5, UI-4] shows what a job has become where it could not be cancelled any more', async () => {
    const running = generation({ id: 6, status: 'generating', storage_type: 'none' })
    const { sora, server, toasts } = await begin([running])
    server.answers[`POST ${works}/6/cancel`] = () => {
      throw new ApiError(409, 'already_ended', 'It has ended.')
    }
    server.answers[`GET ${works}/6`] = () => generation({ id: 6 })
    await sora.cancel(running)
    expect(toasts.current.value?.text).toBe('It has ended.')
    expect(sora.timeline.items.get(6)?.status).toBe('completed')
  })
})
