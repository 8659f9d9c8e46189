import { expect, it, vi } from 'vitest'
import { ApiError } from '@/api'
import { withSetup } from '@/test-helpers'
import { createToasts, toastsKey } from '../useToasts'
import { useRefusals } from './useRefusals'

it('[UI-6] opens the way to make room where that is wanted, and says every other refusal', () => {
  const toasts = createToasts()
  const loadQuota = vi.fn(async () => undefined)
  const { result, stop } = withSetup(
    () => useRefusals(loadQuota),
    (app) => void app.provide(toastsKey, toasts),
  )
  result.refused(new ApiError(429, 'rate_limited', 'Not so fast.'))
  expect([result.quotaFull.value, toasts.current.value?.text]).toEqual([null, 'Not so fast.'])
  expect(loadQuota).not.toHaveBeenCalled()
  result.refused(new ApiError(429, 'quota_exceeded', 'Full.', { quota_bytes: 9, used_bytes: 8 }))
  expect(result.quotaFull.value).toEqual({ quota_bytes: 9, used_bytes: 8 })
  expect([toasts.current.value?.text, loadQuota.mock.calls.length]).toEqual(['Not so fast.', 1])
  result.tryAgain()
  expect(toasts.current.value).toBeNull()
  stop()
})
