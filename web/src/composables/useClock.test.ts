import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { withSetup } from '@/test-helpers'
import { useAgo } from './useAgo'
import { clockKey, createClock } from './useClock'

const begin = Date.parse('2026-11-22T10:00:00Z')

beforeEach(() => vi.useFakeTimers({ now: begin }))
afterEach(() => vi.useRealTimers())

describe('the clock', () => {
  it('ticks once a second until it is stopped', () => {
    const clock = createClock()
    vi.advanceTimersByTime(3000)
    expect(clock.now.value).toBe(begin + 3000)
    clock.stop()
    vi.advanceTimersByTime(3000)
    expect(clock.now.value).toBe(begin + 3000)
  })

  it('follows the server where this machine is wrong, and stays where it is only rounded', () => {
    const clock = createClock()
    clock.learn(begin + 1000, begin - 200, begin + 200)
    expect(clock.read()).toBe(begin)
    clock.learn(begin + 600_000, begin - 200, begin + 200)
    expect(clock.read()).toBe(begin + 600_500)
    expect(clock.now.value).toBe(begin + 600_500)
    clock.stop()
  })

  it('[UI-4] says how long ago something was, in ever larger steps', () => {
    const clock = createClock()
    const { result: ago, stop } = withSetup(useAgo, (app) => app.provide(clockKey, clock))
    const seen = [0, 3, 59, 60, 3599, 3600, 86_399, 86_400, -5].map((seconds) => ago(begin - seconds * 1000))
    expect(seen).toEqual([
      'just now',
      '3 s ago',
      '59 s ago',
      '1 min ago',
      '59 min ago',
      '1 h ago',
      '23 h ago',
      '1 d ago',
      'just now',
    ])
    stop()
    clock.stop()
  })
})
