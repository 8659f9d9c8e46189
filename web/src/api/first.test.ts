import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createClient } from './client'
import { fetchFirst, forgetFirst, sendFirst, sendPaths, sendPictures } from './first'
import { newestPath, studioPaths } from './sora'

const me = '/api/v1/auth/me'
const ask = vi.fn<typeof fetch>()
const learn = vi.fn()
const client = (language = 'en') => createClient({ language: () => language, fetch: fetchFirst, onServerTime: learn })

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
  expect(await client('zh').get(me)).toEqual({ path: me })
  expect(ask).toHaveBeenCalledTimes(2)
  expect(await client('zh').get(me)).toEqual({ path: me })
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

const settle = () => new Promise((resolve) => setTimeout(resolve))
const asked = () => ask.mock.calls.map(([path]) => path)

/** Answers with these settings, and with a person or none. */
function answerWith(settings: object, meStatus: number) {
  ask.mockImplementation(async (path) =>
    path === me ? Response.json({ id: 1 }, { status: meStatus }) : Response.json({ path, ...settings }),
  )
}

it('[UI-1] tells who has come, and to what, and what is sent for then is there for who asks', async () => {
  answerWith({ sora_client_enabled: true }, 200)
  expect(await sendFirst('en')).toMatchObject({ user: { id: 1 }, settings: { sora_client_enabled: true } })
  sendPaths(studioPaths, 'en')
  expect(asked().slice(2)).toEqual(studioPaths)
  expect(await client().get(me)).toEqual({ id: 1 })
  for (const path of studioPaths) expect(await client().get(path)).toMatchObject({ path })
  expect(ask).toHaveBeenCalledTimes(2 + studioPaths.length)
})

it('[UI-1] tells of nobody where nobody is signed in, and where the line breaks', async () => {
  answerWith({}, 401)
  expect(await sendFirst('en')).toBeNull()
  ask.mockRejectedValue(new TypeError('x'))
  expect(await sendFirst('en')).toBeNull()
})

it('[ID-4] keeps no answer for another person', async () => {
  sendPaths([newestPath], 'en')
  forgetFirst()
  await client().get(newestPath)
  expect(ask).toHaveBeenCalledTimes(2)
})

it('[UI-4] sends for the first pictures of a list as soon as it is there, and leaves the list to who asks', async () => {
  const works = [1, 2, 3, 4].map((id) => ({ id, poster_url: id === 2 ? null : `/poster/${id}` }))
  ask.mockImplementation(async (path) => {
    if (path === me) return Response.json({ id: 1 })
    return Response.json(path === newestPath ? { data: works } : { sora_client_enabled: true })
  })
  const sent: string[] = []
  vi.stubGlobal(
    'Image',
    class {
      set src(address: string) {
        sent.push(address)
      }
    },
  )
  sendPaths([newestPath], 'en')
  await sendPictures(newestPath)
  expect(sent).toEqual(['/poster/1', '/poster/3'])
  expect(await client().get(newestPath)).toEqual({ data: works })
  expect(asked().filter((path) => path === newestPath)).toHaveLength(1)
})

it('[UI-4] sends for no picture of a list that did not come', async () => {
  ask.mockImplementation(async (path) =>
    Response.json({ sora_client_enabled: true }, { status: path === newestPath ? 503 : 200 }),
  )
  sendPaths([newestPath], 'en')
  await expect(sendPictures(newestPath)).resolves.toBeUndefined()
  await expect(sendPictures('/never/asked')).resolves.toBeUndefined()
})

it('[ST-9] asks anew for what nobody took in time', async () => {
  answerWith({}, 200)
  sendFirst('en')
  const now = performance.now()
  vi.spyOn(performance, 'now').mockReturnValue(now + 60_001)
  await client().get(me)
  expect(ask).toHaveBeenCalledTimes(3)
})

it('[UI-1] gives both answers whole, whichever comes first and whoever waits for it', async () => {
  const settings = '/api/v1/settings/public'
  for (const order of [
    [settings, me],
    [me, settings],
  ]) {
    const come = new Map<string, () => void>()
    ask.mockImplementation(
      (path) =>
        new Promise((resolve) =>
          come.set(String(path), () => resolve(Response.json({ path, sora_client_enabled: true }))),
        ),
    )
    sendFirst('en')
    const answers = order.map((path) => client().get(path))
    for (const path of order) {
      come.get(path)!()
      await settle()
    }
    expect(await Promise.all(answers)).toMatchObject(order.map((path) => ({ path })))
  }
})

it('[UI-9] takes no answer in another language than the page has come to speak', async () => {
  answerWith({}, 200)
  sendFirst('zh')
  await client('en').get(me)
  expect(ask).toHaveBeenCalledTimes(3)
  expect(ask.mock.calls[2]![1]).toMatchObject({ headers: { 'Accept-Language': 'en' } })
})
