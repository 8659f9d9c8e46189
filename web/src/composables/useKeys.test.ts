import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ApiKey } from '@/api/types'
import type { Router } from 'vue-router'
import { fakeServer, pageOf, queryRouter, withSetup } from '@/test-helpers'
import { useKeys } from './useKeys'

const path = '/api/v1/keys'
const key = { id: 3, name: 'script', status: 'active' } as ApiKey
let server: ReturnType<typeof fakeServer>
let stop: () => void
let router: Router

function begin() {
  const made = withSetup(useKeys, (app) => {
    server.provide(app)
    app.use(router)
  })
  stop = made.stop
  return made.result
}

beforeEach(async () => {
  router = await queryRouter()
  server = fakeServer()
  server.answers[`GET ${path}`] = () => pageOf([key])
})
afterEach(() => stop())

describe("one's own keys", () => {
  it('[ID-3] shows the secret of a new key where it was made, and lists the key without it', async () => {
    const keys = begin()
    server.answers[`POST ${path}`] = () => ({ ...key, key: 'sk-secret' })
    await keys.create('script', null)
    expect(keys.fresh.value?.key).toBe('sk-secret')
    expect(keys.rows.value).toEqual([key])
    expect(server.sentTo(`POST ${path}`)).toEqual([{ name: 'script' }])
    await keys.create('until then', '2027-01-01T00:00:00Z')
    expect(server.sentTo(`POST ${path}`)[1]).toEqual({ name: 'until then', expires_at: '2027-01-01T00:00:00Z' })
  })

  it('[ID-3] reads the list anew after each change', async () => {
    const keys = begin()
    server.answers[`PATCH ${path}/3`] = () => key
    server.answers[`DELETE ${path}/3`] = () => undefined
    await keys.setActive(key, false)
    await keys.setActive(key, true)
    await keys.rename(key, 'nightly')
    await keys.remove(key)
    expect(server.sentTo(`PATCH ${path}/3`)).toEqual([
      { status: 'disabled' },
      { status: 'active' },
      { name: 'nightly' },
    ])
    expect(server.sentTo(`GET ${path}`)).toHaveLength(4)
  })

  it('[ID-3] leaves what it has where a key cannot be made', async () => {
    const keys = begin()
    await keys.reload()
    await expect(keys.create('script', null)).rejects.toThrow()
    expect(keys.fresh.value).toBeNull()
    expect(keys.rows.value).toEqual([key])
  })
})
