import { describe, expect, it } from 'vitest'
import type { UploadKind } from '@/api/types'
import { droppedFiles, fittingKind, refusalOf, roomOf } from './uploadFiles'

const gallery: UploadKind = {
  sub_type: 'oc-gallery',
  files: 0,
  size: 0,
  counted: true,
  video: false,
  max_bytes: 100,
  max_pixels: 1000,
}
const videos: UploadKind = { ...gallery, sub_type: 'oc-gallery-video', video: true, max_bytes: 1000 }
const avatar: UploadKind = { ...gallery, sub_type: 'user-avatar', counted: false }
const image = (size: number) => ({ type: 'image/png', size })

describe('files before they are sent', () => {
  it('[UP-5] are refused for their kind and their size', () => {
    expect(refusalOf({ type: 'image/vnd.adobe.photoshop', size: 1 }, gallery, null)).toEqual({ why: 'type' })
    expect(refusalOf({ type: 'video/mp4', size: 1 }, gallery, null)).toEqual({ why: 'type' })
    expect(refusalOf(image(101), gallery, null)).toEqual({ why: 'size', bytes: 100 })
    expect(refusalOf(image(100), gallery, null)).toBeNull()
  })

  it('[UP-6] are refused where they do not fit what is left, if they count', () => {
    expect(refusalOf(image(50), gallery, 49)).toEqual({ why: 'quota', bytes: 49 })
    expect(refusalOf(image(50), gallery, 50)).toBeNull()
    expect(refusalOf(image(50), avatar, 0)).toBeNull()
    const summary = { used: 1, limit: 2, left: 1, quota_enabled: true, sub_types: [] }
    expect(roomOf(summary)).toBe(1)
    expect(roomOf({ ...summary, quota_enabled: false })).toBeNull()
  })

  it('of a gallery go to the videos or the pictures, as they are', () => {
    const kinds = [gallery, videos, avatar]
    expect(fittingKind({ type: 'video/webm' }, gallery, kinds)).toBe(videos)
    expect(fittingKind({ type: 'image/png' }, videos, kinds)).toBe(gallery)
    expect(fittingKind({ type: 'video/webm' }, avatar, kinds)).toBe(avatar)
  })

  it('come out of the folders that are dropped, however many readings that takes', async () => {
    const file = (name: string) => ({ isFile: true, file: (done: (f: File) => void) => done(new File([], name)) })
    const folder = (...parts: unknown[][]) => ({
      isDirectory: true,
      createReader: () => ({ readEntries: (done: (entries: unknown[]) => void) => done(parts.shift() ?? []) }),
    })
    const entry = folder([file('a.png'), folder([file('b.png')])], [file('.hidden'), file('c.png')])
    const transfer = { items: [{ webkitGetAsEntry: () => entry }], files: [] } as unknown as DataTransfer
    expect((await droppedFiles(transfer)).map((f) => f.name)).toEqual(['a.png', 'b.png', 'c.png'])
  })
})
