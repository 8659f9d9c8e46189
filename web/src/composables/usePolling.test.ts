import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { effectScope, type EffectScope } from 'vue'
import { pollDelay, trustedSilenceMs, usePolling } from './usePolling'

const minute = 60_000
let scope: EffectScope

beforeEach(() => {
  vi.useFakeTimers()
  scope = effectScope()
})
afterEach(() => {
  scope.stop()
  vi.useRealTimers()
})

function begin(options: Partial<Parameters<typeof usePolling>[0]> = {}) {
  const poll = vi.fn(() => Promise.resolve())
  const polling = scope.run(() => usePolling({ wanted: () => true, silentFor: () => Infinity, poll, ...options }))!
  polling.restart()
  return { poll, polling }
}

describe('the falling schedule of asking', () => {
  it('[ST-9] waits 3 s for two minutes, 10 s to ten minutes, then 30 s', () => {
    expect([0, 2 * minute - 1, 2 * minute, 10 * minute - 1, 10 * minute, 60 * minute].map(pollDelay)).toEqual([
      3000, 3000, 10_000, 10_000, 30_000, 30_000,
    ])
  })

  it('[ST-9] asks 40 times in the first two minutes, then every 10 s, then every 30 s', async () => {
    const { poll } = begin()
    await vi.advanceTimersByTimeAsync(2 * minute)
    expect(poll).toHaveBeenCalledTimes(40)
    await vi.advanceTimersByTimeAsync(8 * minute)
    expect(poll).toHaveBeenCalledTimes(40 + 48)
    await vi.advanceTimersByTimeAsync(10 * minute)
    expect(poll).toHaveBeenCalledTimes(40 + 48 + 20)
  })

  it('[ST-9] begins anew when a job is started', async () => {
    const { poll, polling } = begin()
    await vi.advanceTimersByTimeAsync(20 * minute)
    poll.mockClear()
    polling.restart()
    await vi.advanceTimersByTimeAsync(30_000)
    expect(poll).toHaveBeenCalledTimes(10)
  })

  it('[ST-9] stays quiet while events come, and asks once they fall silent', async () => {
    let silence = 0
    const { poll } = begin({ silentFor: () => silence })
    await vi.advanceTimersByTimeAsync(30_000)
    expect(poll).not.toHaveBeenCalled()
    silence = trustedSilenceMs
    await vi.advanceTimersByTimeAsync(3000)
    expect(poll).toHaveBeenCalledOnce()
  })

  it('asks nothing when nothing runs, and goes on after an answer that failed', async () => {
    const idle = begin({ wanted: () => false })
    await vi.advanceTimersByTimeAsync(minute)
    expect(idle.poll).not.toHaveBeenCalled()
    const failing = vi.fn(() => Promise.reject(new Error('no answer')))
    begin({ poll: failing })
    await vi.advanceTimersByTimeAsync(9000)
    expect(failing).toHaveBeenCalledTimes(3)
  })

  it('stops with the page', async () => {
    const { poll } = begin()
    scope.stop()
    await vi.advanceTimersByTimeAsync(minute)
    expect(poll).not.toHaveBeenCalled()
  })
})
