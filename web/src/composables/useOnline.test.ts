import { afterEach, expect, it, vi } from 'vitest'
import { withSetup } from '@/test-helpers'
import { useOnline } from './useOnline'

afterEach(() => vi.restoreAllMocks())

it('[UI-1] follows the network as the browser tells of it', () => {
  const network = vi.spyOn(navigator, 'onLine', 'get')
  const { result: online, stop } = withSetup(useOnline)
  expect(online.value).toBe(true)
  for (const now of [false, true]) {
    network.mockReturnValue(now)
    dispatchEvent(new Event(now ? 'online' : 'offline'))
    expect(online.value).toBe(now)
  }
  stop()
  network.mockReturnValue(false)
  dispatchEvent(new Event('offline'))
  expect(online.value).toBe(true)
})
