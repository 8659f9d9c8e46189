import { expect, it, vi } from 'vitest'
import { fakeServer, generation, withSetup } from '@/test-helpers'
import { createToasts, toastsKey } from '../useToasts'
import { useJobActions } from './useJobActions'

const works = '/api/v1/sora/generations'

function begin() {
  const server = fakeServer()
  const toasts = createToasts()
  const timeline = { put: vi.fn(), refreshOne: vi.fn(async () => undefined) }
  const loadQuota = vi.fn(async () => undefined)
  const refused = vi.fn()
  const tryAgain = vi.fn()
  const { result, stop } = withSetup(
    () => useJobActions({ timeline, loadQuota, refused, tryAgain }),
    (app) => {
      server.provide(app)
      app.provide(toastsKey, toasts)
    },
  )
  return { server, toasts, timeline, loadQuota, refused, tryAgain, stop, ...result }
}

it('[ST-5, UI-4] shows a cancelled job as the server has it, and asks anew where it would not cancel', async () => {
  const { server, toasts, timeline, cancel, stop } = begin()
  const cancelled = generation({ id: 1, status: 'cancelled' })
  server.answers[`POST ${works}/1/cancel`] = () => cancelled
  await cancel(generation({ id: 1, status: 'generating' }))
  expect([timeline.put.mock.calls, toasts.current.value]).toEqual([[[cancelled]], null])
  await cancel(generation({ id: 2, status: 'generating' }))
  expect([timeline.refreshOne.mock.calls, toasts.current.value?.tone]).toEqual([[[2]], 'danger'])
  stop()
})

it('[ST-6, UI-4] asks for the room that is left when a work is saved, and says why one is not', async () => {
  const { server, toasts, timeline, loadQuota, refused, tryAgain, save, stop } = begin()
  await save(generation({ id: 1, storage_type: 'upstream' }))
  expect([refused.mock.calls.length, toasts.current.value, loadQuota.mock.calls.length]).toEqual([1, null, 0])
  server.answers[`POST ${works}/1/save`] = () => generation({ id: 1 })
  await save(generation({ id: 1, storage_type: 'upstream' }))
  expect([timeline.put.mock.calls, loadQuota.mock.calls.length]).toEqual([[[generation({ id: 1 })]], 1])
  expect([toasts.current.value?.tone, tryAgain.mock.calls.length]).toEqual(['ok', 2])
  stop()
})
