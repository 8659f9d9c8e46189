import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { nextTick } from 'vue'
import type { Router } from 'vue-router'
import { overviewPaths } from '@/api/admin'
import { withQuery, type Query } from '@/api/client'
import { fakeServer, pageOf, queryRouter, withSetup } from '@/test-helpers'
import { statsRefreshMs, useStats } from './useStats'

const overview = 'GET /api/v1/admin/stats'
let server: ReturnType<typeof fakeServer>
let stop: () => void
let router: Router

function start() {
  const setup = withSetup(useStats, (app) => {
    server.provide(app)
    app.use(router)
  })
  stop = setup.stop
  return setup.result
}

beforeEach(async () => {
  router = await queryRouter()
  vi.useFakeTimers()
  server = fakeServer()
  server.answers[overview] = ({ period }) => ({ period })
  server.answers['GET /api/v1/admin/jobs'] = () => pageOf([])
})
afterEach(() => {
  stop()
  vi.useRealTimers()
})

describe('the overview', () => {
  it('[UI-1] asks for just what was sent for before it stood', async () => {
    await start().reload()
    const asked = server.asked.map(([what, query]) => withQuery(what.replace('GET ', ''), query as Query))
    expect(asked).toEqual(expect.arrayContaining(overviewPaths()))
  })

  it('[AD-2] stands without the state of the store, and asks again by itself', async () => {
    const { stats, reload } = start()
    await reload()
    expect(stats.value?.period).toBe('24h')
    const before = server.sentTo(overview).length
    await vi.advanceTimersByTimeAsync(statsRefreshMs)
    expect(server.sentTo(overview).length).toBe(before + 1)
  })

  it('[SG-1] says of a store that is off whether it was filled in, and asks the settings only then', async () => {
    const settings = 'GET /api/v1/admin/settings'
    const status = 'GET /api/v1/sora/storage-status'
    const { bucket, reload } = start()
    server.answers[status] = () => ({ s3_enabled: true, s3_healthy: true, local_enabled: true })
    server.answers[settings] = () => ({
      ...{ sora_s3_enabled: false, sora_s3_endpoint: 'https://s3.example', sora_s3_bucket: 'works' },
      ...{ sora_s3_access_key_id: 'id', sora_s3_secret_access_key_set: true },
    })
    await reload()
    expect(bucket.value).toBeNull()
    expect(server.sentTo(settings)).toHaveLength(0)
    server.answers[status] = () => ({ s3_enabled: false, s3_healthy: false, local_enabled: true })
    await reload()
    expect(bucket.value).toBe('off')
    delete server.answers[settings]
    await reload()
    expect(bucket.value).toBeNull()
  })

  it('[AD-2] keeps what it has when the server does not answer', async () => {
    const { stats, error, reload } = start()
    await reload()
    server.answers[overview] = () => Promise.reject(new Error('away'))
    await reload()
    expect(error.value).not.toBeNull()
    expect(stats.value?.period).toBe('24h')
  })

  it('[AD-2] never lets a slow answer replace that of the period chosen since', async () => {
    const { stats, period, reload } = start()
    let late: (value: unknown) => void = () => undefined
    server.answers[overview] = ({ period }) =>
      period === '24h' ? new Promise((resolve) => (late = resolve)) : { period }
    const slow = reload()
    period.value = '7d'
    await nextTick()
    await vi.advanceTimersByTimeAsync(0)
    late({ period: '24h' })
    await slow
    expect(stats.value?.period).toBe('7d')
  })
})
