import { afterEach, describe, expect, it } from 'vitest'
import { forget, isSameFile, remember, unfinishedOf, type Unfinished } from './unfinished'

afterEach(() => localStorage.clear())

const now = Date.parse('2026-11-22T12:00:00Z')
const item = (name: string, fields: Partial<Unfinished> = {}): Unfinished => ({
  user: 1,
  address: `/api/uploads/tus/${name}`,
  name,
  size: 5,
  modified: 7,
  sub_type: 'oc-gallery',
  since: now,
  ...fields,
})

describe('uploads that are not whole yet', () => {
  it('[UP-7] are remembered for the one whose they are, until they are forgotten', () => {
    remember(item('a'))
    remember(item('b', { user: 2 }))
    remember(item('a', { size: 6 }))
    expect(unfinishedOf(1, now)).toEqual([item('a', { size: 6 })])
    expect(unfinishedOf(1, now + 8 * 24 * 3600 * 1000)).toEqual([])
    forget('/api/uploads/tus/a')
    expect(unfinishedOf(1, now)).toEqual([])
    expect(unfinishedOf(2, now)).toHaveLength(1)
  })

  it('[UP-7] are known by their file, and by nothing that was not written here', () => {
    const file = new File(['12345'], 'a', { lastModified: 7 })
    expect(isSameFile(item('a'), file)).toBe(true)
    expect(isSameFile(item('a', { modified: 8 }), file)).toBe(false)
    for (const text of ['{', 'null', '[null, {}]', JSON.stringify([item('a', { address: 'https://elsewhere/' })])]) {
      localStorage.setItem('kinora.unfinished', text)
      expect(unfinishedOf(1, now), text).toEqual([])
    }
  })
})
