import { afterEach, describe, expect, it, vi } from 'vitest'
import { ApiError, apiKey, type Api } from '@/api'
import type { Upload, UploadKind } from '@/api/types'
import { createPinia } from 'pinia'
import { withSetup } from '@/test-helpers'
import { remember } from '@/lib/unfinished'
import type { ResumableOptions } from '@/api/tus'
import { useTransfers } from './useTransfers'

const kind: UploadKind = {
  sub_type: 'oc-gallery',
  files: 0,
  size: 0,
  counted: true,
  video: false,
  max_bytes: 100,
  max_pixels: 1000,
}

interface Call {
  file: File
  options: ResumableOptions
  succeed: () => void
  fail: (error: unknown) => void
}
let calls: Call[] = []
let stop = () => {}

/** What the server has, by its address. */
let begun = new Map<string, number>()
const abandon = vi.fn((address: string) => Promise.resolve(void begun.delete(address)))

function begin() {
  calls = []
  const done = vi.fn()
  const roomChanged = vi.fn()
  const send = (file: File, _type: string, options: ResumableOptions) =>
    new Promise<Upload>((resolve, reject) => {
      options.signal?.addEventListener('abort', () => reject(new ApiError(0, 'aborted', '')))
      calls.push({ file, options, succeed: () => resolve({ upload_uuid: file.name } as Upload), fail: reject })
    })
  const standingOf = (address: string) =>
    Promise.resolve(begun.has(address) ? { offset: begun.get(address)!, length: large } : null)
  const api = { send, sendResumable: send, standingOf, abandon }
  const made = withSetup(
    () => useTransfers({ done, roomChanged }),
    (app) => app.provide(apiKey, { uploads: api } as unknown as Api).use(createPinia()),
  )
  stop = made.stop
  return { transfers: made.result, done, roomChanged }
}
afterEach(() => {
  stop()
  localStorage.clear()
  begun = new Map()
})

const large = 9 << 20
const film = (name: string, lastModified = 1) =>
  new File([new Uint8Array(large)], name, { type: 'video/mp4', lastModified })
const address = '/api/uploads/tus/0001'
const file = (name: string) => new File(['12345'], name, { type: 'text/plain' })
const settled = () => new Promise((resolve) => setTimeout(resolve, 0))

describe('files on their way', () => {
  it('[UP-1] go two at a time, in their order, and tell when they have arrived', async () => {
    const { transfers, done } = begin()
    for (const name of ['a', 'b', 'c']) transfers.add(file(name), kind, null)
    expect(calls.map((call) => call.file.name)).toEqual(['a', 'b'])
    expect(transfers.pending.value).toBe(15)
    calls[0]!.options.onProgress?.(50, 100)
    expect(transfers.list[0]!.sent).toBe(3)
    calls[0]!.succeed()
    await settled()
    expect(done).toHaveBeenCalledWith({ upload_uuid: 'a' })
    expect(calls.map((call) => call.file.name)).toEqual(['a', 'b', 'c'])
    expect(transfers.pending.value).toBe(10)
  })

  it('that are refused are shown and never sent', () => {
    const { transfers } = begin()
    transfers.add(file('a'), kind, { why: 'type' })
    expect(calls).toHaveLength(0)
    expect(transfers.list[0]!.state).toBe('failed')
    transfers.resume(transfers.list[0]!.id)
    expect(calls).toHaveLength(0)
  })

  it('go on by themselves when the network is back, and stop when they are told to', async () => {
    const { transfers } = begin()
    transfers.add(file('a'), kind, null)
    calls[0]!.fail(new ApiError(0, 'network', ''))
    await settled()
    expect(transfers.list[0]!.state).toBe('offline')
    dispatchEvent(new Event('online'))
    expect(calls).toHaveLength(2)
    transfers.pause(transfers.list[0]!.id)
    await settled()
    expect(calls[1]!.options.signal?.aborted).toBe(true)
    expect(transfers.list[0]!.state).toBe('paused')
    transfers.resume(transfers.list[0]!.id)
    expect(calls).toHaveLength(3)
    // Paused and let go on in one breath: never two runs of one file.
    transfers.pause(transfers.list[0]!.id)
    transfers.resume(transfers.list[0]!.id)
    expect(calls).toHaveLength(3)
    await settled()
    expect(calls).toHaveLength(4)
    expect(transfers.list[0]!.state).toBe('sending')
    transfers.dismiss(transfers.list[0]!.id)
    expect(transfers.list).toHaveLength(0)
  })

  it('show the server’s own sentence when it refuses one', async () => {
    const { transfers } = begin()
    transfers.add(file('a'), kind, null)
    calls[0]!.fail(new ApiError(413, 'upload_quota_exceeded', 'Upload quota exceeded'))
    await settled()
    expect(transfers.list[0]!).toMatchObject({ state: 'failed', error: { message: 'Upload quota exceeded' } })
  })
})

describe('large files', () => {
  it('[UP-7] go on from where the server has them, after a pause and after a refusal', async () => {
    const { transfers, done, roomChanged } = begin()
    transfers.add(film('walk.mp4'), kind, null)
    const item = transfers.list[0]!
    expect(calls[0]!.options.address).toBeNull()
    expect(transfers.unreserved.value).toBe(large)
    calls[0]!.options.onAddress?.(address)
    expect(roomChanged).toHaveBeenCalledOnce()
    expect([transfers.pending.value, transfers.unreserved.value]).toEqual([large, 0])
    calls[0]!.options.onProgress?.(4 << 20, large)
    transfers.pause(item.id)
    await settled()
    expect(item).toMatchObject({ state: 'paused', sent: 4 << 20 })
    transfers.resume(item.id)
    expect(calls[1]!.options.address).toBe(address)
    expect(item.sent).toBe(4 << 20)
    calls[1]!.fail(new ApiError(503, 'storage_unavailable', 'The store does not answer.'))
    await settled()
    expect(item).toMatchObject({ state: 'failed', error: { message: 'The store does not answer.' } })
    transfers.resume(item.id)
    expect(calls[2]!.options.address).toBe(address)
    calls[2]!.succeed()
    await settled()
    expect(done).toHaveBeenCalledWith({ upload_uuid: 'walk.mp4' })
    expect(localStorage.length).toBe(0)
  })

  it('[UP-7] tell how long the rest takes by what came since they went on', () => {
    vi.useFakeTimers({ now: 0 })
    const { transfers } = begin()
    transfers.add(film('walk.mp4'), kind, null)
    calls[0]!.options.onProgress?.(8 << 20, large)
    expect(transfers.list[0]!.restMs).toBeNull()
    vi.setSystemTime(1000)
    calls[0]!.options.onProgress?.((8 << 20) + (1 << 19), large)
    expect(transfers.list[0]!.restMs).toBe(1000)
    vi.useRealTimers()
  })

  it('[UP-7] begin anew where the server has given them up', () => {
    const { transfers } = begin()
    transfers.add(film('walk.mp4'), kind, null)
    calls[0]!.options.onAddress?.(address)
    calls[0]!.options.onProgress?.(4 << 20, large)
    calls[0]!.options.onAddress?.(null)
    expect(transfers.list[0]).toMatchObject({ address: null, sent: 0 })
    expect(localStorage.length).toBe(0)
  })

  it('[UP-7] are there after a reload, and go on once their file is chosen again', async () => {
    const first = begin()
    first.transfers.add(film('walk.mp4'), kind, null)
    calls[0]!.options.onAddress?.(address)
    stop()
    expect(abandon).not.toHaveBeenCalled()

    begun.set(address, 4 << 20)
    const { transfers } = begin()
    await transfers.recall([kind])
    await transfers.recall([kind])
    expect(transfers.list).toHaveLength(1)
    const item = transfers.list[0]!
    expect(item).toMatchObject({ name: 'walk.mp4', state: 'away', sent: 4 << 20, address })
    transfers.goOn(item.id, film('walk.mp4', 2))
    expect(item).toMatchObject({ state: 'away', mistaken: true })
    transfers.add(film('walk.mp4'), kind, null)
    expect(transfers.list).toHaveLength(1)
    expect(item).toMatchObject({ state: 'sending', mistaken: false })
    expect(calls[0]!.options.address).toBe(address)
  })

  it('[UP-7] are forgotten where the server has nothing of them, or they are dismissed', async () => {
    const one = { user: 0, name: 'a', size: large, modified: 1, sub_type: kind.sub_type, since: Date.now() }
    remember({ ...one, address: '/api/uploads/tus/gone' })
    remember({ ...one, address })
    begun.set(address, 1)
    const { transfers, roomChanged } = begin()
    await transfers.recall([kind])
    expect(transfers.list.map((item) => item.address)).toEqual([address])
    await transfers.dismiss(transfers.list[0]!.id)
    expect(abandon).toHaveBeenCalledWith(address)
    expect(roomChanged).toHaveBeenCalledOnce()
    expect(localStorage.length).toBe(0)
  })
})
