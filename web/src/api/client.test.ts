import { describe, expect, it, vi } from 'vitest'
import { ApiError, createClient } from './client'

function answer(status: number, body?: unknown, headers: Record<string, string> = {}) {
  return vi.fn<typeof fetch>(
    async () => new Response(body === undefined ? null : JSON.stringify(body), { status, headers }),
  )
}
const client = (send: typeof fetch, extra = {}) => createClient({ language: () => 'zh', fetch: send, ...extra })

describe('a call to the server', () => {
  it('[ST-10] carries the chosen language, the cookie and a header no form can send', async () => {
    const send = answer(200, { ok: true })
    await client(send).get('/api/x', { page: 1, q: '', status: undefined })
    const [path, init] = send.mock.calls[0]!
    expect(path).toBe('/api/x?page=1')
    expect(init).toMatchObject({
      method: 'GET',
      credentials: 'same-origin',
      headers: { 'Accept-Language': 'zh', 'X-Requested-With': 'kinora' },
    })
    expect(init?.body).toBeUndefined()
  })

  it('[ST-10] gives the code, the sentence and the figures of an error', async () => {
    const send = answer(
      429,
      { error: { code: 'quota_exceeded', message: '存储配额已满', quota_bytes: 5, used_bytes: 5 } },
      { 'x-request-id': 'r1' },
    )
    const error = await client(send)
      .post('/api/x', {})
      .catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(ApiError)
    expect(error).toMatchObject({
      status: 429,
      code: 'quota_exceeded',
      message: '存储配额已满',
      requestId: 'r1',
      details: { quota_bytes: 5 },
    })
  })

  it('understands an answer that is no JSON, and none at all', async () => {
    const html = vi.fn<typeof fetch>(async () => new Response('<html>', { status: 502 }))
    await expect(client(html).get('/api/x')).rejects.toMatchObject({ status: 502, code: 'unknown' })
    const gone = vi.fn<typeof fetch>(() => Promise.reject(new TypeError('failed')))
    await expect(client(gone).get('/api/x')).rejects.toMatchObject({ status: 0, code: 'network' })
  })

  it('tells when the session is over, and learns the server’s time', async () => {
    const onUnauthorized = vi.fn()
    const onServerTime = vi.fn()
    const send = answer(
      401,
      { error: { code: 'unauthorized', message: '' } },
      { date: 'Sat, 21 Nov 2026 14:00:00 GMT' },
    )
    await client(send, { onUnauthorized, onServerTime })
      .get('/api/x')
      .catch(() => undefined)
    expect(onUnauthorized).toHaveBeenCalledOnce()
    expect(onServerTime.mock.calls[0]![0]).toBe(Date.parse('2026-11-21T14:00:00Z'))
  })

  it('has nothing to read in a 204', async () => {
    await expect(client(answer(204)).del('/api/x')).resolves.toBeUndefined()
  })
})
