import { afterEach, describe, expect, it, vi } from 'vitest'
import { ApiError, apiKey, type Api } from '@/api'
import type { SendOptions } from '@/api/uploads'
import type { Upload, UploadKind } from '@/api/types'
import { withSetup } from '@/test-helpers'
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
  options: SendOptions
  succeed: () => void
  fail: (error: unknown) => void
}
let calls: Call[] = []
let stop = () => {}

function begin() {
  calls = []
  const done = vi.fn()
  const send = (file: File, _type: string, options: SendOptions) =>
    new Promise<Upload>((resolve, reject) => {
      options.signal?.addEventListener('abort', () => reject(new ApiError(0, 'aborted', '')))
      calls.push({ file, options, succeed: () => resolve({ upload_uuid: file.name } as Upload), fail: reject })
    })
  const made = withSetup(
    () => useTransfers(done),
    (app) => app.provide(apiKey, { uploads: { send } } as unknown as Api),
  )
  stop = made.stop
  return { transfers: made.result, done }
}
afterEach(() => stop())

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
