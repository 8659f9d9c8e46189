import { describe, expect, it } from 'vitest'
import { parseBytes } from './format'
import { exactBytes, formatPixels, parsePixels, parseSize } from './limits'

describe('limits in the units of people', () => {
  it('[UP-5] are read back to the last byte', () => {
    expect(exactBytes(10 * 1024 ** 2)).toBe('10 MB')
    expect(exactBytes(1536)).toBe('1.5 KB')
    for (const bytes of [1, 1000, 1023, 1025, 2_000_000, 123_456_789, 5 * 1024 ** 3 + 1]) {
      expect(parseBytes(exactBytes(bytes)), exactBytes(bytes)).toBe(bytes)
    }
  })

  it('[UP-5] have no size of nothing', () => {
    expect(parseSize('200 MB')).toBe(200 * 1024 ** 2)
    for (const text of ['', '0', 'large']) expect(parseSize(text), text).toBeNull()
  })

  it('[UP-5] say pixels in millions', () => {
    expect(formatPixels(50_000_000)).toBe('50 MP')
    expect(formatPixels(1_500_001)).toBe('1.500001 MP')
    for (const pixels of [1, 1_500_001, 50_000_000]) expect(parsePixels(formatPixels(pixels))).toBe(pixels)
    expect(parsePixels('12.5mp')).toBe(12_500_000)
    for (const text of ['', '0', '-1', '10 MB']) expect(parsePixels(text), text).toBeNull()
  })
})
