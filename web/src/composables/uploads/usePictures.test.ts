import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ApiError, apiKey, type Api } from '@/api'
import type { Upload } from '@/api/types'
import { pageOf, withSetup } from '@/test-helpers'
import { usePictures } from './usePictures'

let uploads: Upload[]
let sent: Upload[]
let stop: () => void

const list = vi.fn(async ({ sub_type, page = 1, page_size = 20 }: Record<string, any>) => {
  const found = sub_type === 'reference' ? sent : uploads
  return { ...pageOf(found.slice((page - 1) * page_size, page * page_size)), total: found.length }
})

/** So many, the newest first, `from` minutes ago and before. */
function made(name: string, count: number, from = 0, mime = 'image/png') {
  return Array.from({ length: count }, (_, n) => {
    const created_at = new Date(Date.UTC(2026, 10, 22) - (from + n) * 60_000).toISOString()
    return { key: `${name} ${n}`, upload_uuid: `${name} ${n}`, sub_type: 'oc-gallery', mime, created_at } as Upload
  })
}

function begin(references = false) {
  const setup = withSetup(
    () => usePictures(() => references),
    (app) => app.provide(apiKey, { uploads: { list } } as unknown as Api),
  )
  stop = setup.stop
  return setup.result
}

beforeEach(() => {
  list.mockClear()
  uploads = []
  sent = []
})
afterEach(() => stop())

describe('the pictures to choose from', () => {
  it('[UP-3, ST-1] go on page by page to the oldest, in their order, each once', async () => {
    uploads = made('upload', 130)
    const pictures = begin()
    await pictures.reload()
    const seen = [pictures.items.value.length]
    // One comes meanwhile: the next page begins with the last of this one.
    uploads.unshift(...made('new', 1, -1))
    while (pictures.hasMore.value) {
      await pictures.more()
      seen.push(pictures.items.value.length)
    }
    expect(seen).toEqual([60, 119, 130])
    expect(pictures.items.value.map((item) => item.key)).toEqual(made('upload', 130).map((item) => item.key))
  })

  it('[ST-1] are those sent with a prompt, too, where these may be chosen', async () => {
    uploads = made('upload', 2, 10)
    sent = made('reference', 2, 5)
    const pictures = begin(true)
    await pictures.reload()
    expect(pictures.items.value.map((item) => item.key)).toEqual(['reference 0', 'reference 1', 'upload 0', 'upload 1'])
    expect([pictures.hasMore.value, list.mock.calls.length]).toEqual([false, 2])
  })

  it('[UP-3] come once where the next page is asked for twice', async () => {
    uploads = made('picture', 100)
    const pictures = begin()
    await pictures.reload()
    list.mockClear()
    await Promise.all([pictures.more(), pictures.more()])
    expect(list).toHaveBeenCalledTimes(1)
    expect(pictures.items.value).toHaveLength(100)
  })

  it('[UP-3] are found behind any number of videos', async () => {
    uploads = [...made('film', 120, 0, 'video/mp4'), ...made('upload', 3, 120)]
    const pictures = begin()
    await pictures.reload()
    expect([pictures.items.value.length, pictures.hasMore.value]).toEqual([3, false])
  })

  it('[UP-3] stay where the next page does not come, and go on from there', async () => {
    uploads = made('upload', 70)
    const pictures = begin()
    await pictures.reload()
    list.mockRejectedValueOnce(new ApiError(503, 'busy', ''))
    await pictures.more()
    expect([pictures.items.value.length, pictures.error.value]).toEqual([60, expect.any(ApiError)])
    await pictures.more()
    expect([pictures.items.value.length, pictures.error.value]).toEqual([70, null])
  })
})
