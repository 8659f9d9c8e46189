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

  it('keeps a refused prompt in its card when something new is being typed', async () => {
    generate.mockRejectedValue(new ApiError(0, 'network', ''))
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
    const { send, quotaFull } = begin()
    await send(request, null)
    expect(quotaFull.value).toEqual({ quota_bytes: 5, used_bytes: 5 })
  })

  it('[UI-4] sends a failed job again with what it was asked for', async () => {
    generate.mockResolvedValue({ generation_id: 43, status: 'pending' })
    const { again } = begin()
    await again(generation({ model: 'wan-2.2', status: 'failed', params: { orientation: 'portrait', seconds: 8 } }))
    expect(generate).toHaveBeenLastCalledWith({
      model: 'wan-2.2',
      prompt: 'A lighthouse in fog',
      media_type: 'video',
      orientation: 'portrait',
      seconds: 8,
    })
    await again(generation({ status: 'failed', params: { orientation: 'landscape', seconds: 10 } }))
    expect(generate).toHaveBeenLastCalledWith(request)
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
})
