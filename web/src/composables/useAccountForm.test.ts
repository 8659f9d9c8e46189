import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { nextTick } from 'vue'
import { ApiError } from '@/api'
import type { Account } from '@/api/types'
import { fakeServer, withSetup } from '@/test-helpers'
import { useAccountForm } from './useAccountForm'

const path = '/api/v1/admin/accounts'
const stored = {
  id: 7,
  type: 'apikey',
  name: 'rack 1',
  platform: 'sora',
  dialect: 'chat',
  status: 'active',
  priority: 10,
  concurrency: 3,
  credentials: { base_url: 'https://one.example', api_key_set: true },
} as unknown as Account

const done = vi.fn()
let server: ReturnType<typeof fakeServer>
let stop: () => void

function begin(known: Account | null = null) {
  const made = withSetup(() => useAccountForm(() => known, done), server.provide)
  stop = made.stop
  made.result.open([4])
  return made.result
}

function fill({ form }: ReturnType<typeof begin>) {
  Object.assign(form, { name: 'new', baseUrl: 'https://one.example/sora/v1/', apiKey: 'sk-1' })
}

beforeEach(() => {
  server = fakeServer()
  done.mockReset()
})
afterEach(() => stop())

describe('the form of an account', () => {
  it('[UI-8] [AC-2] names what is wrong once a field was left, and sends nothing before it is right', async () => {
    const state = begin()
    expect(state.problem('baseUrl')).toBeNull()
    state.form.baseUrl = 'ftp://one.example'
    state.touch('baseUrl')
    expect(state.problem('baseUrl')).toBe('Begin with http:// or https://')
    expect(state.problem('apiKey')).toBeNull()
    await state.send()
    expect(state.problem('apiKey')).toBe('This field is required.')
    expect(server.asked).toEqual([])
    fill(state)
    expect(state.valid.value).toBe(true)
    server.answers[`POST ${path}`] = () => stored
    await state.send()
    expect(server.sentTo(`POST ${path}`)[0]).toMatchObject({
      type: 'apikey',
      dialect: 'chat',
      group_ids: [4],
      credentials: { base_url: 'https://one.example/sora/v1/', api_key: 'sk-1' },
    })
    expect(done).toHaveBeenCalledWith(stored)
  })

  it('[UI-8] puts a refusal of the server beside its field until something is typed, else below the form', async () => {
    const state = begin()
    fill(state)
    server.answers[`POST ${path}`] = () => {
      throw new ApiError(400, 'invalid', 'That name is taken.', { field: 'name' })
    }
    await state.send()
    expect(state.problem('name')).toBe('That name is taken.')
    expect(state.generalError.value).toBeNull()
    state.form.name = 'another'
    await nextTick()
    expect(state.problem('name')).toBeNull()
    server.answers[`POST ${path}`] = () => {
      throw new ApiError(500, 'internal', 'Something went wrong here.')
    }
    await state.send()
    expect(state.generalError.value).toBe('Something went wrong here.')
    expect(done).not.toHaveBeenCalled()
  })

  it('[AC-5] tests what is typed, and forgets the outcome when the address changes', async () => {
    const state = begin()
    await state.test()
    expect(server.asked).toEqual([])
    fill(state)
    await nextTick()
    server.answers[`POST ${path}/test`] = () => ({ ok: true, latency_ms: 12 })
    await state.test()
    expect(state.result.value).toEqual({ ok: true, latency_ms: 12 })
    state.form.baseUrl = 'https://two.example'
    await nextTick()
    expect(state.result.value).toBeNull()
    server.answers[`POST ${path}/test`] = () => {
      throw new ApiError(0, 'network', '')
    }
    await state.test()
    expect(state.result.value).toMatchObject({ ok: false })
    expect(state.result.value!.message).toMatch(/answer/)
    expect(state.testing.value).toBe(false)
  })

  it('[AC-2] [AC-5] keeps the stored key of an account, but not for another server', async () => {
    const state = begin(stored)
    expect(state.form.apiKey).toBe('')
    expect(state.valid.value).toBe(true)
    server.answers[`PATCH ${path}/7`] = () => stored
    server.answers[`POST ${path}/7/test`] = () => ({ ok: true, latency_ms: 3 })
    await state.test()
    await state.send()
    const [sent] = server.sentTo(`PATCH ${path}/7`) as { credentials: object }[]
    expect(sent!.credentials).toEqual({ base_url: 'https://one.example' })
    state.form.baseUrl = 'https://two.example'
    await state.send()
    expect(state.problem('apiKey')).toMatch(/leads to another server/)
    expect(server.sentTo(`PATCH ${path}/7`)).toHaveLength(1)
  })

  it('[AC-4] gives a new account the dialect of its kind, and leaves that of a stored one', () => {
    const state = begin()
    state.setType('oauth')
    expect([state.form.type, state.form.dialect]).toEqual(['oauth', 'videos'])
    stop()
    const kept = begin({ ...stored, dialect: 'ark' } as Account)
    kept.setType('oauth')
    expect(kept.form.dialect).toBe('ark')
  })

  it('[UI-8] finds no fault with a field that was left on the way to the other kind', () => {
    const state = begin()
    state.touch('name')
    expect(state.problem('name')).not.toBeNull()
    state.setType('oauth')
    expect(state.problem('name')).toBeNull()
  })

  it('[UI-8] begins anew each time it is opened', async () => {
    const state = begin()
    fill(state)
    await state.send()
    expect(state.generalError.value).not.toBeNull()
    state.open()
    expect(state.form.name).toBe('')
    expect(state.form.groupIds).toEqual([])
    expect(state.generalError.value).toBeNull()
    expect(state.problem('name')).toBeNull()
  })
})
