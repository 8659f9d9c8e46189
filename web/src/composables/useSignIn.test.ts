import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { nextTick, reactive } from 'vue'
import { ApiError } from '@/api'
import type { Account } from '@/api/types'
import { emptyForm } from '@/components/account/credentialsBuilder'
import { fakeServer, withSetup } from '@/test-helpers'
import { useSignIn } from './useSignIn'

const begin = 'POST /api/v1/admin/accounts/oauth/authorize-url'
const exchange = 'POST /api/v1/admin/accounts/oauth/exchange'
const start = Date.parse('2026-11-22T12:00:00Z')

let server: ReturnType<typeof fakeServer>
let stop: () => void

function open(known: Account | null = null) {
  const form = reactive({ ...emptyForm(), issuer: 'https://id.example', clientId: 'kinora' })
  const made = withSetup(() => useSignIn(form, () => known), server.provide)
  stop = made.stop
  return { form, signIn: made.result }
}

beforeEach(() => {
  vi.useFakeTimers({ now: start })
  server = fakeServer()
  let made = 0
  server.answers[begin] = () => ({
    authorize_url: `https://id.example/auth?n=${++made}`,
    state: `state ${made}`,
    expires_at: new Date(Date.now() + 600_000).toISOString(),
  })
  server.answers[exchange] = () => ({ grant: 'a grant' })
})
afterEach(() => {
  stop()
  vi.useRealTimers()
})

describe('signing in at an upstream', () => {
  it('[AC-3] gives the same link while it is good for a minute more, then another', async () => {
    const { signIn } = open()
    expect(await signIn.link()).toBe('https://id.example/auth?n=1')
    vi.setSystemTime(start + 539_000)
    expect(await signIn.link()).toBe('https://id.example/auth?n=1')
    vi.setSystemTime(start + 541_000)
    expect(await signIn.link()).toBe('https://id.example/auth?n=2')
    expect(server.sentTo(begin)[0]).toMatchObject({ credentials: { issuer: 'https://id.example' }, proxy_url: null })
    expect(server.sentTo(begin)[0]).not.toHaveProperty('account_id')
  })

  it('[AC-3] asks in the name of the account that is being changed', async () => {
    const { signIn } = open({ id: 9 } as Account)
    await signIn.link()
    expect(server.sentTo(begin)[0]).toMatchObject({ account_id: 9 })
  })

  it('[AC-3] puts the grant into the form for the code that was pasted', async () => {
    const { form, signIn } = open()
    signIn.pasted.value = ' code '
    await signIn.exchange()
    expect(server.asked).toEqual([])
    await signIn.link()
    expect(signIn.pasted.value).toBe('')
    signIn.pasted.value = ' code '
    await signIn.exchange()
    expect(server.sentTo(exchange)).toEqual([{ code: 'code', state: 'state 1' }])
    expect(form.grant).toBe('a grant')
  })

  it('[AC-3] keeps the link after what was no code, and asks for a new one after a code that failed', async () => {
    const { form, signIn } = open()
    await signIn.link()
    signIn.pasted.value = 'no code'
    server.answers[exchange] = () => {
      throw new ApiError(400, 'oauth_code_invalid', 'This is no code.')
    }
    await signIn.exchange()
    expect(signIn.begun.value).not.toBeNull()
    server.answers[exchange] = () => {
      throw new ApiError(502, 'oauth_failed', 'The upstream refused the code.')
    }
    await signIn.exchange()
    expect(signIn.begun.value).toBeNull()
    expect((signIn.error.value as ApiError).code).toBe('oauth_failed')
    expect(form.grant).toBe('')
  })

  it('[AC-3] forgets link and grant when the client they were made for changes', async () => {
    const { form, signIn } = open()
    await signIn.link()
    signIn.pasted.value = 'code'
    await signIn.exchange()
    form.name = 'another name'
    await nextTick()
    expect(form.grant).toBe('a grant')
    form.clientId = 'another client'
    await nextTick()
    expect([form.grant, signIn.pasted.value, signIn.begun.value]).toEqual(['', '', null])
  })

  it('[AC-3] says why there is no link, and does one thing at a time', async () => {
    const { signIn } = open()
    server.answers[begin] = () => {
      throw new ApiError(502, 'oauth_unreachable', 'id.example does not answer.')
    }
    const first = signIn.link()
    expect(signIn.busy.value).toBe(true)
    expect(await signIn.link()).toBeNull()
    expect(await first).toBeNull()
    expect(server.asked).toHaveLength(1)
    expect((signIn.error.value as ApiError).message).toBe('id.example does not answer.')
    expect(signIn.busy.value).toBe(false)
  })
})
