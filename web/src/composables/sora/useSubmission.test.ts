import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { nextTick, ref } from 'vue'
import { ApiError, apiKey, type Api } from '@/api'
import type { GenerateRequest } from '@/api/types'
import { generation, withSetup } from '@/test-helpers'
import { clockKey, type Clock } from '../useClock'
import { eventsKey, type LiveEvents } from '../useEvents'
import { createToasts, toastsKey } from '../useToasts'
import { provideSora, soraKey, type Sora } from './useSora'
import { useSubmission } from './useSubmission'

const clock: Clock = { now: ref(Date.now()), read: () => Date.now(), learn: () => undefined }
const nothing = () => () => undefined
const events: LiveEvents = {
  connected: ref(false),
  start: () => undefined,
  stop: () => undefined,
  on: nothing,
  onMissed: nothing,
  onLost: nothing,
  silentFor: () => Infinity,
}
const request: GenerateRequest = { model: 'sora2-landscape-10s', prompt: 'A lighthouse in fog', media_type: 'video' }

const generate = vi.fn()
let stops: (() => void)[]

function begin() {
  const api = {
    sora: {
      generate,
      get: vi.fn(async (id: number) => generation({ id, status: 'pending', storage_type: 'none' })),
      quota: vi.fn(async () => ({ quota_bytes: 5, used_bytes: 5, available_bytes: 0, quota_source: 'user' })),
    },
  } as unknown as Api
  const toasts = createToasts()
  let sora!: Sora
  const outer = withSetup(
    () => (sora = provideSora()),
    (app) => app.provide(apiKey, api).provide(clockKey, clock).provide(eventsKey, events).provide(toastsKey, toasts),
  )
  const inner = withSetup(useSubmission, (app) =>
    app.provide(apiKey, api).provide(clockKey, clock).provide(toastsKey, toasts).provide(soraKey, sora),
  )
  stops = [inner.stop, outer.stop]
  return { sora, toasts, ...inner.result }
}

beforeEach(() => {
  sessionStorage.clear()
  generate.mockReset()
})
afterEach(() => stops.forEach((stop) => stop()))

describe('sending a prompt', () => {
  it('[UI-4] has a card at once, which becomes the job when the server has taken it', async () => {
    generate.mockResolvedValue({ generation_id: 42, status: 'pending' })
    const { sora, send } = begin()
    const sent = send(request, null)
    expect(sora.timeline.list.value.map((item) => [item.id < 0, item.status])).toEqual([[true, 'pending']])
    expect(await sent).toBe(true)
    expect(sora.timeline.list.value.map((item) => item.id)).toEqual([42])
  })

  it('gives a refused prompt and its image back to the empty prompt bar', async () => {
    generate.mockRejectedValue(new ApiError(429, 'too_many_jobs', '请等待当前任务完成后再发起新任务'))
    const { sora, send, toasts } = begin()
    const image = { value: 'data:image/png;base64,AA==', name: 'ref.png' }
    expect(await send(request, image)).toBe(false)
    expect(sora.draft.prompt.value).toBe('A lighthouse in fog')
    expect(sora.draft.image.value).toEqual(image)
    expect(sora.timeline.list.value).toEqual([])
    expect(toasts.current.value).toMatchObject({ tone: 'danger', text: '请等待当前任务完成后再发起新任务' })
  })

  it('[UI-3] takes back what the last try met when the next one begins, and nothing else', async () => {
    generate.mockRejectedValueOnce(new ApiError(503, 'busy', 'Later, please.'))
    generate.mockResolvedValue({ generation_id: 42, status: 'pending' })
    const { send, toasts } = begin()
    await send(request, null)
    expect(toasts.current.value?.text).toBe('Later, please.')
    await send(request, null)
    expect(toasts.current.value).toBeNull()
    toasts.show({ text: 'Deleted.' })
    await send(request, null)
    expect(toasts.current.value?.text).toBe('Deleted.')
  })

  it('keeps a refused prompt in its card when something new is being typed', async () => {
    generate.mockRejectedValue(new ApiError(503, 'busy', 'Later, please.'))
    const { sora, send } = begin()
    const sent = send(request, null)
    sora.draft.prompt.value = 'The next idea'
    await sent
    expect(sora.draft.prompt.value).toBe('The next idea')
    expect(sora.timeline.list.value).toMatchObject([
      { status: 'failed', error_code: 'unsent', prompt: 'A lighthouse in fog' },
    ])
  })

  it('[UI-6] shows the figures of a full storage', async () => {
    generate.mockRejectedValue(new ApiError(429, 'quota_exceeded', '存储配额已满', { quota_bytes: 5, used_bytes: 5 }))
    const { send, sora } = begin()
    await send(request, null)
    expect(sora.quotaFull.value).toEqual({ quota_bytes: 5, used_bytes: 5 })
  })

  it('[UI-4] sends a failed job again with what it was asked for', async () => {
    generate.mockResolvedValue({ generation_id: 43, status: 'pending' })
    const { again } = begin()
    await again(generation({ model: 'wan-2.2', status: 'failed', params: { orientation: 'portrait', seconds: 8 } }))
    expect(generate.mock.lastCall![0]).toEqual({
      model: 'wan-2.2',
      prompt: 'A lighthouse in fog',
      media_type: 'video',
      orientation: 'portrait',
      seconds: 8,
    })
    await again(generation({ status: 'failed', params: { orientation: 'landscape', seconds: 10 } }))
    expect(generate.mock.lastCall![0]).toEqual(request)
  })

  it('[UI-4] does not send a job again without the reference image it had', async () => {
    const { again, sora } = begin()
    await again(generation({ status: 'failed', params: { image_input: true } }))
    expect(generate).not.toHaveBeenCalled()
    expect(sora.draft.prompt.value).toBe('A lighthouse in fog')
  })

  it('keeps the words of the prompt bar over a reload', async () => {
    begin().sora.draft.prompt.value = 'half a thought'
    await nextTick()
    stops.forEach((stop) => stop())
    expect(begin().sora.draft.prompt.value).toBe('half a thought')
  })

  it('[UI-4] sends what got no answer again under the same key, so that the server takes it once', async () => {
    vi.useFakeTimers()
    generate.mockRejectedValueOnce(new ApiError(0, 'network', '')).mockResolvedValue({ generation_id: 44 })
    const { send, sora } = begin()
    const sent = send(request, null)
    await vi.advanceTimersByTimeAsync(500)
    expect(await sent).toBe(true)
    const keys = generate.mock.calls.map(([, key]) => key as string)
    expect(keys).toHaveLength(2)
    expect(keys[0]).toMatch(/^[0-9a-f]{32}$/)
    expect(keys[1]).toBe(keys[0])
    expect(sora.outbox.left()).toEqual([])
    vi.useRealTimers()
  })

  it('[UI-4] gives the prompt back when no answer comes, and its next try is the same submission', async () => {
    vi.useFakeTimers()
    generate.mockRejectedValue(new ApiError(0, 'network', ''))
    const { send, sora } = begin()
    const sent = send(request, null)
    await vi.advanceTimersByTimeAsync(2500)
    expect(await sent).toBe(false)
    expect(sora.draft.prompt.value).toBe(request.prompt)
    vi.useRealTimers()
    generate.mockResolvedValue({ generation_id: 45 })
    await send({ ...request }, null)
    await send({ ...request }, null)
    const keys = generate.mock.calls.map(([, key]) => key as string)
    expect(new Set(keys.slice(0, 4)).size).toBe(1)
    expect(keys[4]).not.toBe(keys[0])
  })

  it('[UI-5] sends what a reload cut off once more, under its key', async () => {
    generate.mockReturnValue(new Promise(() => undefined))
    void begin().send(request, null)
    const key = generate.mock.lastCall![1] as string
    stops.forEach((stop) => stop())
    generate.mockReset().mockResolvedValue({ generation_id: 46, status: 'pending' })
    const { resume, sora } = begin()
    await resume()
    expect(generate.mock.calls).toEqual([[request, key]])
    expect(sora.timeline.list.value.map((item) => item.id)).toEqual([46])
    await resume()
    expect(generate).toHaveBeenCalledOnce()
  })

  it('keeps a prompt for whoever signs in again when the session ends under it', async () => {
    generate.mockRejectedValueOnce(new ApiError(401, 'unauthorized', ''))
    const { send, resume, sora, toasts } = begin()
    await send(request, null)
    expect(sora.timeline.list.value).toEqual([])
    expect(toasts.current.value).toBeNull()
    generate.mockResolvedValue({ generation_id: 47, status: 'pending' })
    await resume()
    expect(sora.timeline.list.value.map((item) => item.id)).toEqual([47])
  })
})
