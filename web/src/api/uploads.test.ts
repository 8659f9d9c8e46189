import { afterEach, expect, it, vi } from 'vitest'
import { createClient } from './client'
import { uploadsApi } from './uploads'

afterEach(() => vi.unstubAllGlobals())

/** A request that is answered with this as soon as it is sent. */
function answered(status: number, body: unknown) {
  const headers: Record<string, string> = {}
  vi.stubGlobal(
    'XMLHttpRequest',
    class {
      status = status
      responseText = JSON.stringify(body)
      upload = {}
      onload = () => undefined
      open() {}
      setRequestHeader = (name: string, value: string) => (headers[name] = value)
      getResponseHeader = () => null
      send = () => this.onload()
    },
  )
  return headers
}

it('[UI-9] is refused in the language of the page', async () => {
  const headers = answered(413, { error: { code: 'too_large', message: '文件太大' } })
  const api = uploadsApi(createClient({ language: () => 'zh' }))
  await expect(api.send(new File(['x'], 'a.png'), 'user-avatar')).rejects.toMatchObject({ message: '文件太大' })
  expect(headers).toEqual({ Accept: 'application/json', 'Accept-Language': 'zh', 'X-Requested-With': 'kinora' })
})

it('[UI-9] is refused in the language of the page in pieces, too', async () => {
  const ask = vi.fn<typeof fetch>(async () => new Response(null, { status: 500 }))
  vi.stubGlobal('fetch', ask)
  const api = uploadsApi(createClient({ language: () => 'zh' }))
  await expect(api.standingOf('/api/uploads/tus/1')).rejects.toMatchObject({ status: 500 })
  expect(ask.mock.calls[0]![1]).toMatchObject({ method: 'HEAD', headers: { 'Accept-Language': 'zh' } })
})
