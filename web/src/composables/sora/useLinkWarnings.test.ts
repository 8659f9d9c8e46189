import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { ref } from 'vue'
import { linkLifeMs, linkNoticeMs, linkUrgentMs } from '@/lib/generation'
import { generation, withSetup } from '@/test-helpers'
import { clockKey, createClock } from '../useClock'
import { createToasts, toastsKey } from '../useToasts'
import { useLinkWarnings } from './useLinkWarnings'

const now = Date.parse('2026-11-22T10:00:00Z')
beforeEach(() => void vi.useFakeTimers({ now }))
afterEach(() => void vi.useRealTimers())

it('[UI-4, V-6] warns once at each stage, offers the download at the first, and is quiet once it is saved', async () => {
  const clock = createClock()
  const toasts = createToasts()
  const show = vi.spyOn(toasts, 'show')
  const link = generation({ storage_type: 'upstream', completed_at: new Date(now).toISOString() })
  const unsaved = ref([link])
  const announce = vi.fn()
  const download = vi.fn()
  const { stop } = withSetup(
    () => useLinkWarnings({ unsaved, announce, download }),
    (app) => void app.provide(clockKey, clock).provide(toastsKey, toasts),
  )
  await vi.advanceTimersByTimeAsync(linkLifeMs - linkNoticeMs - 1000)
  expect(show).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(60_000)
  expect([show.mock.calls.length, announce.mock.calls.length]).toEqual([1, 0])
  show.mock.calls[0]![0].action!.run()
  expect(download).toHaveBeenCalledWith(link)
  await vi.advanceTimersByTimeAsync(linkNoticeMs - linkUrgentMs)
  expect([show.mock.calls.length, announce.mock.calls.length]).toEqual([1, 1])

  const saved = generation({ ...link, id: 2, completed_at: new Date(clock.now.value).toISOString() })
  unsaved.value = [saved]
  await vi.advanceTimersByTimeAsync(60_000)
  unsaved.value = []
  await vi.advanceTimersByTimeAsync(linkLifeMs)
  expect([show.mock.calls.length, announce.mock.calls.length]).toEqual([1, 1])
  stop()
  clock.stop()
})
