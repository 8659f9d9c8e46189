import { describe, expect, it } from 'vitest'
import { generation } from '@/test-helpers'
import { cardState, downloadUrls, linkClosesAt, newestFirst, shapeOf } from './generation'

const end = '2026-11-21T14:00:00Z'
const at = (minutes: number) => Date.parse(end) + minutes * 60_000

describe('the state of a card', () => {
  it('[UI-4] says where a finished work is', () => {
    expect(cardState(generation({ storage_type: 's3' }), 0)).toBe('saved')
    expect(cardState(generation({ storage_type: 'local' }), 0)).toBe('local')
  })

  it('[UI-4] [V-6] holds an upstream link for a quarter of an hour from its end, then it is expired', () => {
    const link = generation({ storage_type: 'upstream', completed_at: end })
    expect(linkClosesAt(link)).toBe(at(15))
    expect(cardState(link, at(0))).toBe('link')
    expect(cardState(link, at(15) - 1)).toBe('link')
    expect(cardState(link, at(15))).toBe('expired')
  })

  it('[UI-4] believes a server that says the link closes sooner, never later', () => {
    const link = generation({ storage_type: 'upstream', completed_at: end })
    expect(linkClosesAt({ ...link, expires_at: '2026-11-21T14:05:00Z' })).toBe(at(5))
    expect(linkClosesAt({ ...link, expires_at: '2026-11-22T14:00:00Z' })).toBe(at(15))
  })

  it('[UI-4] names running, failed, cancelled and unsent jobs', () => {
    for (const status of ['pending', 'generating', 'failed', 'cancelled'] as const) {
      expect(cardState(generation({ status, storage_type: 'none' }), 0)).toBe(status)
    }
    expect(cardState(generation({ status: 'failed', error_code: 'unsent' }), 0)).toBe('unsent')
  })
})

describe('a work', () => {
  it('has a shape from its size, else from what was asked for', () => {
    expect(shapeOf(generation({ width: 1280, height: 720 }))).toBe('wide')
    expect(shapeOf(generation({ width: 1024, height: 1792 }))).toBe('tall')
    expect(shapeOf(generation({ width: 1024, height: 1024 }))).toBe('square')
    expect(shapeOf(generation({ model: 'sora2pro-hd-portrait-15s' }))).toBe('tall')
    expect(shapeOf(generation({ model: 'gpt-image', media_type: 'image' }))).toBe('square')
  })

  it('downloads its download links, else its media', () => {
    expect(downloadUrls(generation({ media_url: '/a' }))).toEqual(['/a'])
    expect(downloadUrls(generation({ media_urls: ['/a', '/b'], download_urls: ['/a?d', '/b?d'] }))).toEqual([
      '/a?d',
      '/b?d',
    ])
  })

  it('stands by time, then by id', () => {
    const list = [
      generation({ id: 1 }),
      generation({ id: 3 }),
      generation({ id: 2, created_at: '2026-11-21T15:00:00Z' }),
    ]
    expect(list.sort(newestFirst).map((item) => item.id)).toEqual([2, 3, 1])
  })
})
