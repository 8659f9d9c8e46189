import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { nextTick } from 'vue'
import { apiKey, createApi } from '@/api'
import type { Client, Query } from '@/api/client'
import { withSetup } from '@/test-helpers'
import { statsRefreshMs, useStats } from './useStats'

type Answer = (query?: Query) => Promise<unknown>
const answers: Record<string, Answer> = {}
const asked: string[] = []
const client = {
  get: (path: string, query?: Query) => {
    asked.push(path)
    return (answers[path] ?? (() => Promise.reject(new Error(path))))(query)
  },
} as unknown as Client
const overview = '/api/v1/admin/stats'
let stop: () => void

function start() {
  const setup = withSetup(useStats, (app) => app.provide(apiKey, createApi(client)))
  stop = setup.stop
  return setup.result
}

beforeEach(() => {
  vi.useFakeTimers()
  asked.length = 0
  answers[overview] = async (query) => ({ period: query?.period })
  answers['/api/v1/admin/jobs'] = async () => ({ data: [], total: 0 })
  answers['/api/v1/sora/storage-status'] = () => Promise.reject(new Error('away'))
})
afterEach(() => {
  stop()
  vi.useRealTimers()
})

describe('the overview', () => {
  it('[AD-2] stands without the state of the store, and asks again by itself', async () => {
    const { stats, reload } = start()
    await reload()
    expect(stats.value?.period).toBe('24h')
    const before = asked.filter((path) => path === overview).length
    await vi.advanceTimersByTimeAsync(statsRefreshMs)
    expect(asked.filter((path) => path === overview).length).toBe(before + 1)
  })

  it('[AD-2] keeps what it has when the server does not answer', async () => {
    const { stats, error, reload } = start()
    await reload()
    answers[overview] = () => Promise.reject(new Error('away'))
    await reload()
    expect(error.value).not.toBeNull()
    expect(stats.value?.period).toBe('24h')
  })

  it('[AD-2] never lets a slow answer replace that of the period chosen since', async () => {
    const { stats, period, reload } = start()
    let late: (value: unknown) => void = () => undefined
    answers[overview] = (query) =>
      query?.period === '24h' ? new Promise((resolve) => (late = resolve)) : Promise.resolve({ period: query?.period })
    const slow = reload()
    period.value = '7d'
    await nextTick()
    await vi.advanceTimersByTimeAsync(0)
    late({ period: '24h' })
    await slow
    expect(stats.value?.period).toBe('7d')
  })
})
