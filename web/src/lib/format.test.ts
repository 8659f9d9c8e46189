import { expect, it, vi } from 'vitest'
import {
  excerpt,
  formatBytes,
  formatClock,
  formatCount,
  formatNumber,
  formatTime,
  formatWith,
  parseBytes,
} from './format'

it('[UI-2] writes sizes as people read them', () => {
  expect([0, 900, 1024, 2.1 * 2 ** 30, 5 * 2 ** 30, 164 * 2 ** 30].map(formatBytes)).toEqual([
    '0 B',
    '900 B',
    '1 KB',
    '2.1 GB',
    '5 GB',
    '164 GB',
  ])
})

it('[AD-2, ST-4] tells what was counted to its end from what was not', () => {
  expect([formatNumber(21_490, 'en'), formatNumber(1000, 'zh')]).toEqual(['21,490', '1,000'])
  expect([formatCount(1234, 'en'), formatCount(10_000, 'en')]).toEqual(['1,234', '10,000+'])
})

it('[UI-3] writes a small number as a formatter would, without making one', () => {
  const made = vi.spyOn(Intl, 'NumberFormat')
  const written = [0, 7, 999].map((n) => formatNumber(n, 'zh'))
  expect(made).not.toHaveBeenCalled()
  expect(written).toEqual([0, 7, 999].map((n) => new Intl.NumberFormat('zh').format(n)))
})

it('[UI-3] makes one formatter for each language and way of writing', () => {
  const made = vi.spyOn(Intl, 'DateTimeFormat')
  const day = new Date('2026-11-21T12:00:00Z')
  const write = (locale: string) => formatWith(day, locale, { month: 'long', day: 'numeric', timeZone: 'UTC' })
  expect([write('en-GB'), write('zh'), write('en-GB')]).toEqual(['21 November', '11月21日', '21 November'])
  expect(made).toHaveBeenCalledTimes(2)
})

it('[UI-3] writes the hour as Intl would, without it', () => {
  const options = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const
  for (const iso of ['2026-11-21T00:00:00Z', '2026-11-21T12:05:59Z', '2026-06-01T23:59:00Z']) {
    for (const locale of ['en', 'zh']) expect(formatTime(iso)).toBe(formatWith(new Date(iso), locale, options))
  }
})

it('[AD-1] reads sizes as people write them', () => {
  expect(parseBytes('5 GB')).toBe(5 * 2 ** 30)
  expect(parseBytes('512mb')).toBe(512 * 2 ** 20)
  expect(parseBytes('1.5 TiB')).toBe(1.5 * 2 ** 40)
  expect(parseBytes('3')).toBe(3 * 2 ** 30)
  expect(parseBytes('100 B')).toBe(100)
  expect(parseBytes(' ')).toBe(0)
  for (const text of ['-1 GB', 'much', '5 XB', '1e400 GB', '99999999 PB']) expect(parseBytes(text)).toBeNull()
})

it('[UI-4] writes times that count', () => {
  expect([0, 12_000, 108_999, 684_000, 3_725_000, -5].map(formatClock)).toEqual([
    '0:00',
    '0:12',
    '1:48',
    '11:24',
    '1:02:05',
    '0:00',
  ])
})

it('cuts a prompt at letters, whatever their width', () => {
  expect(excerpt('a  b\nc')).toBe('a b c')
  expect(excerpt('夜'.repeat(50), 10)).toBe(`${'夜'.repeat(9)}…`)
  expect([...excerpt('🎞️'.repeat(40), 8)].length).toBeLessThanOrEqual(8)
})
