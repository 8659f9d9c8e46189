import { describe, expect, it } from 'vitest'
import { formatShare, healthState, stepLabel, storageSeries, storedNow, successRate } from './stats'

describe('the overview’s figures', () => {
  it('[AD-2] say 100 % only when nothing failed', () => {
    expect(successRate(0, 0)).toBeNull()
    expect(formatShare(successRate(3, 0)!)).toBe('100 %')
    expect(formatShare(successRate(99_999, 1)!)).toBe('99.9 %')
    expect(formatShare(successRate(488, 17)!)).toBe('96.6 %')
  })

  it('[AD-2] name a step as its period needs it', () => {
    const at = new Date(2026, 10, 22, 15).toISOString()
    expect(stepLabel(at, '24h', 'en')).toBe('15:00')
    expect(stepLabel(at, '7d', 'en')).toMatch(/Sun.*15:00/)
    expect(stepLabel(at, '30d', 'en')).toBe('22 Nov')
    expect(stepLabel(at, '30d', 'zh')).toBe('11月22日')
  })

  it('[AD-2] know an account that cools down from one that works', () => {
    expect(healthState({ status: 'active', cooling_seconds: 0 })).toBe('active')
    expect(healthState({ status: 'active', cooling_seconds: 5 })).toBe('cooling')
    expect(healthState({ status: 'error', cooling_seconds: 5 })).toBe('error')
  })
})

describe('what is stored', () => {
  const row = (day: number, storage: 's3' | 'local', counter: 'sora' | 'upload' | 'free', bytes: number) => ({
    day: new Date(Date.UTC(2026, 10, day)).toISOString(),
    storage,
    counter,
    bytes,
    objects: 1,
  })
  const days = [
    row(19, 's3', 'sora', 5),
    row(19, 's3', 'upload', 2),
    row(19, 'local', 'free', 1),
    row(21, 's3', 'sora', 9),
  ]

  it('[AD-2] is as the day before where nobody looked', () => {
    const series = storageSeries(days, Date.UTC(2026, 10, 22, 15))
    expect(series.days).toHaveLength(4)
    expect(series.s3).toEqual([7, 7, 9, 9])
    expect(series.local).toEqual([1, 1, 0, 0])
    expect(storageSeries([], Date.now()).days).toEqual([])
  })

  it('[AD-2] is summed by store and by counter for the last look alone', () => {
    const storage = { days, measured_at: '2026-11-19T20:00:00Z', deletions_waiting: 0, disk: null }
    expect(storedNow(storage)).toEqual({ s3: 7, local: 1, sora: 5, upload: 2, free: 1 })
  })
})
