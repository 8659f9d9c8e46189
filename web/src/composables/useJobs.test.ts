import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Query } from '@/api/client'
import { fakeServer, pageOf, queryRouter, withSetup } from '@/test-helpers'
import { useJobs } from './useJobs'

const jobs = 'GET /api/v1/admin/jobs'
const users = 'GET /api/v1/admin/users'
const start = Date.parse('2026-11-22T12:00:00Z')
let server: ReturnType<typeof fakeServer>
let stop: () => void

async function begin(address = '/') {
  const router = await queryRouter(address)
  const made = withSetup(useJobs, (app) => {
    server.provide(app)
    app.use(router)
  })
  stop = made.stop
  await made.result.reload()
  return made.result
}

const asked = () => server.sentTo(jobs) as Query[]

beforeEach(() => {
  vi.useFakeTimers({ now: start })
  server = fakeServer()
  server.answers[jobs] = ({ page }) => ({ ...pageOf([{ id: 1 }]), total: 120, page })
  server.answers[users] = ({ q }) =>
    pageOf(
      ['mia@example.org', 'mia@example.org.uk', 'zoe@example.org']
        .filter((email) => email.includes(q))
        .map((email, i) => ({ id: i + 1, email })),
    )
})
afterEach(() => {
  stop()
  Object.defineProperty(document, 'hidden', { value: false, configurable: true })
  vi.useRealTimers()
})

describe("everybody's jobs", () => {
  it('[AD-2] ask with what an address says, and at once when a choice changes', async () => {
    const { filter } = await begin('/?status=failed&kind=nothing&time=constructor&account=4x')
    expect(asked()[0]).toMatchObject({ page: 1, status: 'failed', kind: '', account_id: '', since: '', user_id: null })
    filter.kind = 'video'
    filter.status = 'all'
    filter.time = '1h'
    await vi.advanceTimersByTimeAsync(0)
    expect(asked()).toHaveLength(2)
    expect(asked()[1]).toMatchObject({ status: '', kind: 'video', since: '2026-11-22T11:00:00.000Z' })
  })

  it('[AD-2] begin at the first page again when the filter changes', async () => {
    const { filter, page } = await begin()
    page.value = 2
    await vi.advanceTimersByTimeAsync(0)
    filter.kind = 'image'
    await vi.advanceTimersByTimeAsync(0)
    expect(asked().map((query) => query.page)).toEqual([1, 2, 1])
  })

  it('[AD-2] wait until the typing rests, and take the one person who is meant', async () => {
    const { filter, unknown, rows } = await begin()
    for (const text of ['z', 'zo', 'ZOE']) {
      filter.user = text
      await vi.advanceTimersByTimeAsync(200)
    }
    expect(server.sentTo(users)).toEqual([])
    await vi.advanceTimersByTimeAsync(250)
    expect(server.sentTo(users)).toEqual([{ q: 'zoe', page_size: 10 }])
    expect(asked()[1]).toMatchObject({ user_id: 1 })
    expect(unknown.value).toBe(false)
    filter.user = 'mia@example.org'
    await vi.advanceTimersByTimeAsync(250)
    expect(asked()[2]).toMatchObject({ user_id: 1 })
    filter.user = 'mia'
    await vi.advanceTimersByTimeAsync(250)
    expect(unknown.value).toBe(true)
    expect(rows.value).toEqual([])
    expect(asked()).toHaveLength(3)
  })

  it('[AD-2] are asked for again every 10 s on the first page, while someone looks', async () => {
    const { page } = await begin()
    await vi.advanceTimersByTimeAsync(20_000)
    expect(asked()).toHaveLength(3)
    page.value = 2
    await vi.advanceTimersByTimeAsync(60_000)
    expect(asked()).toHaveLength(4)
    page.value = 1
    await vi.advanceTimersByTimeAsync(0)
    Object.defineProperty(document, 'hidden', { value: true, configurable: true })
    await vi.advanceTimersByTimeAsync(60_000)
    expect(asked()).toHaveLength(5)
  })

  it('[AD-2] stand without the list of accounts', async () => {
    const { accounts, loadAccounts, rows } = await begin()
    await loadAccounts()
    expect(accounts.value).toEqual([])
    expect(rows.value).toHaveLength(1)
    server.answers['GET /api/v1/admin/accounts'] = () => pageOf([{ id: 5 }])
    await loadAccounts()
    expect(accounts.value).toEqual([{ id: 5 }])
  })

  it('[AD-2] keep what a slow answer says of a person who is not meant any more to itself', async () => {
    const { filter, unknown, people } = await begin()
    let late!: () => void
    server.answers[users] = () => new Promise((resolve) => (late = () => resolve(pageOf([]))))
    filter.user = 'nobody'
    await vi.advanceTimersByTimeAsync(250)
    server.answers[users] = () => pageOf([{ id: 1, email: 'mia@example.org' }])
    filter.user = 'mia'
    await vi.advanceTimersByTimeAsync(250)
    late()
    await vi.advanceTimersByTimeAsync(0)
    expect([unknown.value, people.value.length]).toEqual([false, 1])
  })
})
