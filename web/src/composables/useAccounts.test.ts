import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { nextTick } from 'vue'
import type { Router } from 'vue-router'
import type { Account } from '@/api/types'
import { fakeServer, pageOf, queryRouter, withSetup } from '@/test-helpers'
import { accountState, coolUntil, useAccounts } from './useAccounts'
import { clockKey, createClock } from './useClock'

const start = Date.parse('2026-11-22T12:00:00Z')
const later = (seconds: number) => new Date(start + seconds * 1000).toISOString()
const account = (id: number, fields: Partial<Account> = {}) => ({ id, status: 'active', ...fields }) as Account
const path = '/api/v1/admin/accounts'

let server: ReturnType<typeof fakeServer>
let stored: Account[]
let router: Router
let end: () => void = () => undefined

async function beginAt(address: string) {
  await router.push(address)
  return begin()
}

function begin() {
  const clock = createClock()
  const made = withSetup(useAccounts, (app) => {
    server.provide(app)
    app.provide(clockKey, clock)
    app.use(router)
  })
  end = () => {
    made.stop()
    clock.stop()
  }
  return made.result
}

function look(away: boolean) {
  Object.defineProperty(document, 'hidden', { value: away, configurable: true })
}

beforeEach(async () => {
  vi.useFakeTimers({ now: start })
  server = fakeServer()
  router = await queryRouter()
  stored = [
    account(1),
    account(2, { rate_limited_until: later(10) }),
    account(3, { status: 'error' }),
    account(4, { status: 'disabled' }),
  ]
  server.answers[`GET ${path}`] = () => pageOf(stored)
})
afterEach(() => {
  end()
  look(false)
  vi.useRealTimers()
})

describe('the upstream accounts', () => {
  it('[AC-6] cool down until the later of their two times, and not where they are switched off', () => {
    const both = account(1, { rate_limited_until: later(10), overloaded_until: later(30) })
    expect(coolUntil(both)).toBe(start + 30_000)
    expect(coolUntil(account(1))).toBe(0)
    expect(accountState(both, start)).toBe('cooling')
    expect(accountState(both, start + 30_000)).toBe('active')
    expect(accountState({ ...both, status: 'disabled' }, start)).toBe('disabled')
  })

  it('[AC-6] are counted and filtered by their state, and a cool-down ends by itself', async () => {
    const accounts = begin()
    await accounts.reload()
    expect(accounts.counts.value).toEqual({ active: 1, cooling: 1, error: 1, disabled: 1 })
    accounts.state.value = 'cooling'
    expect(accounts.shown.value.map((row) => row.account.id)).toEqual([2])
    look(true)
    await vi.advanceTimersByTimeAsync(11_000)
    expect(accounts.shown.value).toEqual([])
    expect(accounts.counts.value).toEqual({ active: 2, cooling: 0, error: 1, disabled: 1 })
    expect(server.asked).toHaveLength(1)
  })

  it('[AC-6] are asked for again every 5 s while someone looks, and never after the page was left', async () => {
    const accounts = begin()
    await vi.advanceTimersByTimeAsync(5000)
    expect(server.asked).toHaveLength(0)
    await accounts.reload()
    await vi.advanceTimersByTimeAsync(10_000)
    expect(server.asked).toHaveLength(3)
    look(true)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(server.asked).toHaveLength(3)
    look(false)
    end()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(server.asked).toHaveLength(3)
  })

  it('[AC-6] are read anew after each change', async () => {
    const accounts = begin()
    await accounts.reload()
    server.answers[`POST ${path}/2/reset`] = () => account(2)
    server.answers[`PATCH ${path}/1`] = () => account(1)
    server.answers[`DELETE ${path}/3`] = () => undefined
    await accounts.reset(stored[1]!)
    await accounts.setActive(stored[0]!, false)
    await accounts.remove(stored[2]!)
    expect(server.sentTo(`PATCH ${path}/1`)).toEqual([{ status: 'disabled' }])
    expect(server.sentTo(`GET ${path}`)).toHaveLength(4)
    await expect(accounts.remove(stored[3]!)).rejects.toThrow()
    expect(server.sentTo(`GET ${path}`)).toHaveLength(4)
  })

  it('[AD-1] are all counted and found however many they are, and shown page by page', async () => {
    stored = Array.from({ length: 230 }, (_, n) => account(n + 1, n % 2 ? { status: 'disabled' } : {}))
    server.answers[`GET ${path}`] = ({ page }: { page: number }) => {
      const from = (page - 1) * 100
      return { ...pageOf(stored.slice(from, from + 100)), total: stored.length }
    }
    const accounts = begin()
    await accounts.reload()
    expect(accounts.total.value).toBe(230)
    expect(accounts.counts.value).toEqual({ active: 115, cooling: 0, error: 0, disabled: 115 })
    expect(accounts.shown.value.map((row) => row.account.id)).toEqual(stored.slice(0, 50).map(({ id }) => id))
    accounts.page.value = 5
    expect(accounts.shown.value.map((row) => row.account.id)).toEqual(stored.slice(200).map(({ id }) => id))
    accounts.state.value = 'disabled'
    await nextTick()
    expect(accounts.page.value).toBe(1)
    expect(accounts.found.value).toHaveLength(115)
    accounts.page.value = 3
    stored = stored.slice(0, 100)
    await accounts.reload()
    expect(accounts.page.value).toBe(1)
    expect(accounts.shown.value).toHaveLength(50)
  })

  it('[AD-1] are asked for less often when that takes several questions', async () => {
    stored = Array.from({ length: 230 }, (_, n) => account(n + 1))
    server.answers[`GET ${path}`] = ({ page }: { page: number }) => {
      const from = (page - 1) * 100
      return { ...pageOf(stored.slice(from, from + 100)), total: stored.length }
    }
    const accounts = begin()
    await accounts.reload()
    expect(server.asked).toHaveLength(3)
    await vi.advanceTimersByTimeAsync(14_000)
    expect(server.asked).toHaveLength(3)
    await vi.advanceTimersByTimeAsync(1000)
    expect(server.asked).toHaveLength(6)
  })

  it('[AD-1] stand where an address names a page or a search that has none', async () => {
    server.answers[`GET ${path}`] = () => pageOf([])
    const accounts = await beginAt('/?q=nobody&page=2')
    await accounts.reload()
    expect([accounts.loaded.value, accounts.page.value, accounts.shown.value]).toEqual([true, 1, []])
  })
})
