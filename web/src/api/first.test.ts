import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createClient } from './client'
import { fetchFirst, sendFirst } from './first'

const me = '/api/v1/auth/me'
const ask = vi.fn<typeof fetch>()
const learn = vi.fn()
const client = () => createClient({ language: () => 'en', fetch: fetchFirst, onServerTime: learn })

beforeEach(() => {
  const headers = { date: new Date(0).toUTCString() }
  ask.mockReset().mockImplementation(async (path) => Response.json({ path }, { headers }))
  learn.mockReset()
  vi.stubGlobal('fetch', ask)
})
afterEach(() => vi.unstubAllGlobals())

it('[UI-1] asks who is there before the page can, and once', async () => {
  sendFirst('zh')
  expect(ask.mock.calls.map(([path]) => path)).toEqual(['/api/v1/settings/public', me])
  expect(ask.mock.calls[1]![1]).toMatchObject({ headers: { 'Accept-Language': 'zh' }, credentials: 'same-origin' })
  expect(await client().get(me)).toEqual({ path: me })
  expect(ask).toHaveBeenCalledTimes(2)
  expect(await client().get(me)).toEqual({ path: me })
  expect(ask).toHaveBeenCalledTimes(3)
})

it('[ST-9] sets no clock by an answer that may be older than it seems', async () => {
  sendFirst('en')
  await client().get(me)
  expect(learn).not.toHaveBeenCalled()
  await client().get(me)
  expect(learn).toHaveBeenCalledOnce()
})

it('[UI-1] tells of a broken line, and asks again after it', async () => {
  ask.mockRejectedValueOnce(new TypeError('x')).mockRejectedValueOnce(new TypeError('y'))
  sendFirst('en')
  await expect(client().get(me)).rejects.toMatchObject({ status: 0, code: 'network' })
  expect(await client().get(me)).toEqual({ path: me })
})

it('[UI-1] takes no answer to a question for one to a change', async () => {
  sendFirst('en')
  await client().patch(me, { avatar: null })
  expect(ask).toHaveBeenCalledTimes(3)
})
