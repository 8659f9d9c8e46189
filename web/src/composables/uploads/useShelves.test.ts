import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ApiError, apiKey, type Api } from '@/api'
import type { Upload, UploadKind, UploadSubType } from '@/api/types'
import { pageOf, withSetup } from '@/test-helpers'
import { undoMs } from '../sora/useUndoDelete'
import { createToasts, toastsKey } from '../useToasts'
import { uploadId, useShelves } from './useShelves'

let held: Upload[]
let stop: () => void = () => undefined

beforeEach(() => {
  vi.useFakeTimers()
  held = []
})
afterEach(() => {
  stop()
  vi.useRealTimers()
})

function put(sub_type: UploadSubType, ...names: string[]) {
  for (const name of names) held.push({ sub_type, key: name, upload_uuid: `id-${name}`, size: 10 } as Upload)
}

const summary = vi.fn(async () => {
  const kinds = ['oc-avatar', 'oc-gallery', 'reference'] as const
  const count = (kind: UploadSubType) => held.filter((item) => item.sub_type === kind).length
  return {
    used: held.length * 10,
    sub_types: kinds.map((sub_type) => ({ sub_type, files: count(sub_type) }) as UploadKind),
  }
})
const list = vi.fn(async ({ sub_type, page = 1, page_size = 20 }: Record<string, any>) => {
  const found = held.filter((item) => item.sub_type === sub_type)
  return { ...pageOf(found.slice((page - 1) * page_size, page * page_size)), total: found.length }
})
const remove = vi.fn(async (id: string) => void (held = held.filter((item) => uploadId(item) !== id)))

async function begin() {
  for (const call of [summary, list, remove]) call.mockClear()
  const toasts = createToasts()
  const made = withSetup(useShelves, (app) =>
    app.provide(apiKey, { uploads: { summary, list, remove } } as unknown as Api).provide(toastsKey, toasts),
  )
  stop = made.stop
  await made.result.reload()
  const shown = () => Object.fromEntries(made.result.shelves.value.map((s) => [s.kind.sub_type, s.items.length]))
  return { shelves: made.result, toasts, shown }
}

describe('the shelves of uploads', () => {
  it('[UP-4] hold what there is of each kind, the newest at first and all when asked for', async () => {
    put('oc-gallery', ...Array.from({ length: 230 }, (_, n) => `${n}`))
    put('reference', 'a')
    const { shelves, shown } = await begin()
    expect(shown()).toEqual({ 'oc-gallery': 14, reference: 1 })
    await shelves.showAll(shelves.kinds.value[1]!)
    expect(shown()).toEqual({ 'oc-gallery': 230, reference: 1 })
    expect(shelves.shelves.value[0]!.whole).toBe(true)
  })

  it('[UP-4] read one shelf alone when something has arrived', async () => {
    put('oc-gallery', 'a')
    const { shelves, shown } = await begin()
    put('oc-avatar', 'b')
    list.mockClear()
    await shelves.arrived(held[1]!)
    expect(shown()).toEqual({ 'oc-avatar': 1, 'oc-gallery': 1 })
    expect(list.mock.calls.map(([query]) => query.sub_type)).toEqual(['oc-avatar'])
    expect(shelves.summary.value?.used).toBe(20)
  })

  it('[UP-4] delete when 8 s have passed, unless it is taken back', async () => {
    put('oc-gallery', 'a', 'b')
    const { shelves, toasts, shown } = await begin()
    shelves.remove('id-a')
    expect(shown()).toEqual({ 'oc-gallery': 1 })
    await vi.advanceTimersByTimeAsync(undoMs - 1)
    toasts.current.value!.action!.run()
    await vi.advanceTimersByTimeAsync(undoMs)
    expect([shown(), remove.mock.calls]).toEqual([{ 'oc-gallery': 2 }, []])
    shelves.remove('id-b')
    await vi.advanceTimersByTimeAsync(undoMs)
    expect([shown(), remove.mock.calls]).toEqual([{ 'oc-gallery': 1 }, [['id-b']]])
  })

  it('[UP-4] show again what could not be deleted, and say why', async () => {
    put('oc-gallery', 'a')
    const { shelves, toasts, shown } = await begin()
    remove.mockRejectedValueOnce(new ApiError(409, 'in_use', 'It is somebody’s avatar.'))
    shelves.remove('id-a')
    await vi.advanceTimersByTimeAsync(undoMs)
    expect([shown(), toasts.current.value?.text]).toEqual([{ 'oc-gallery': 1 }, 'It is somebody’s avatar.'])
  })

  it('[UP-4] say what did not load, and keep what is shown when the next reading fails', async () => {
    put('oc-gallery', 'a')
    const { shelves, shown } = await begin()
    summary.mockRejectedValueOnce(new ApiError(503, 'busy', ''))
    await shelves.reload()
    expect([shelves.error.value, shown()]).toEqual([expect.any(ApiError), { 'oc-gallery': 1 }])
    await shelves.reload()
    expect(shelves.error.value).toBeNull()
  })

  it('[UP-4] renew the links of a shelf once a minute at most, however many of them have ended', async () => {
    put('oc-gallery', 'a', 'b')
    put('oc-avatar', 'c')
    const { shelves } = await begin()
    const [avatars, gallery] = shelves.kinds.value
    list.mockClear()
    for (const kind of [gallery!, gallery!, avatars!]) await shelves.renew(kind)
    expect(list.mock.calls.map(([query]) => query.sub_type)).toEqual(['oc-gallery', 'oc-avatar'])
    await vi.advanceTimersByTimeAsync(60_000)
    await shelves.renew(gallery!)
    expect(list).toHaveBeenCalledTimes(3)
  })
})
