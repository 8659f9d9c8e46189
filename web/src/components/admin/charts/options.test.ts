import { describe, expect, it } from 'vitest'
import type { StatsStep } from '@/api/types'
import { byteMarks, jobsOption, storageOption, timesOption } from './options'
import type { Palette } from './palette'

const palette = new Proxy({} as Palette, { get: (_, name) => String(name) })
const tip = (): [string] => ['']
const step = (fields: Partial<StatsStep>): StatsStep => ({
  at: '2026-11-22T15:00:00Z',
  completed: 0,
  failed: 0,
  cancelled: 0,
  p50_ms: null,
  p95_ms: null,
  spread: [],
  ...fields,
})

interface Drawn {
  type: string
  data: unknown[]
  itemStyle?: { color: string }
}
const seriesOf = (option: object) => (option as { series: Drawn[] }).series

describe('the charts', () => {
  it('[AD-2] draw what was completed in paper and failures in colour, and nothing for none', () => {
    const option = jobsOption([step({ completed: 3, failed: 1 }), step({})], ['a', 'b'], tip, palette, 600)
    expect(seriesOf(option).map(({ data, itemStyle }) => [itemStyle?.color, data])).toEqual([
      ['done', [3, null]],
      ['idle', [null, null]],
      ['failed', [1, null]],
    ])
  })

  it('[AD-2] put a time of twice as long one octave higher', () => {
    const spread = [{ from_ms: 20_000, to_ms: 40_000, jobs: 2 }]
    const option = timesOption([step({ p50_ms: 40_000, p95_ms: 80_000, spread })], ['a'], tip, palette, 600)
    const [cells, most, half] = seriesOf(option)
    expect(cells!.data).toEqual([[0, 1, 2, 2]])
    expect(half!.data).toEqual([2])
    expect(most!.data).toEqual([3])
  })

  it('[AD-2] mark bytes in whole units', () => {
    expect(byteMarks(1.8 * 1024 ** 4)).toEqual({ interval: 1024 ** 4, max: 2 * 1024 ** 4 })
    expect(byteMarks(700 * 1024 ** 3).interval).toBe(500 * 1024 ** 3)
    expect(byteMarks(0)).toEqual({ interval: 1, max: 2 })
  })

  it('[AD-2] name fewer steps where there is less room', () => {
    const labels = Array.from({ length: 24 }, (_, i) => String(i))
    const interval = (width: number) => {
      const axis = storageOption({ days: [], s3: [], local: [] }, labels, tip, palette, width).xAxis
      return (axis as { axisLabel: { interval: number } }).axisLabel.interval
    }
    expect(interval(320)).toBeGreaterThan(interval(720))
  })
})
