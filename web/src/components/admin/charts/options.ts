import type { EChartsCoreOption } from 'echarts/core'
import type { StatsStep } from '@/api/types'
import { formatBytes, formatClock } from '@/lib/format'
import type { StorageSeries } from '@/lib/stats'
import { categoryAxis, tooltip, valueAxis } from './frame'
import type { Palette } from './palette'

const grid = { left: 8, right: 8, top: 14, bottom: 4, outerBoundsMode: 'same' as const }
const gap = 1

type Outcome = 'completed' | 'cancelled' | 'failed'

/** Bars of one step: what was completed below, exceptions on top. */
export function jobsOption(
  steps: StatsStep[],
  labels: string[],
  tip: (index: number) => [string, ...string[]],
  palette: Palette,
  width: number,
): EChartsCoreOption {
  const bar = (outcome: Outcome, color: string) => ({
    type: 'bar' as const,
    stack: 'jobs',
    data: steps.map((step) => step[outcome] || null),
    barMaxWidth: 18,
    barCategoryGap: '38%',
    // One failure in an hour of sixty is still to be seen.
    barMinHeight: outcome === 'completed' ? 0 : 5,
    itemStyle: { color, borderRadius: 1, borderColor: palette.card, borderWidth: outcome === 'completed' ? 0 : gap },
    emphasis: { disabled: true },
  })
  return {
    grid,
    xAxis: categoryAxis(palette, labels, width),
    yAxis: valueAxis(palette),
    tooltip: tooltip(palette, tip),
    series: [bar('completed', palette.done), bar('cancelled', palette.idle), bar('failed', palette.failed)],
  }
}

const octaveOf = (ms: number) => Math.log2(ms / 10_000)

/** Cells by octave of time, stronger where more jobs are; the lines are those half and 95 % stay under. */
export function timesOption(
  steps: StatsStep[],
  labels: string[],
  tip: (index: number) => [string, ...string[]],
  palette: Palette,
  width: number,
): EChartsCoreOption {
  const cells = steps.flatMap((step, x) =>
    step.spread.map((cell) => [x, octaveOf(cell.from_ms || cell.to_ms / 2), octaveOf(cell.to_ms), cell.jobs]),
  )
  const most = Math.max(1, ...cells.map((cell) => cell[3]!))
  const line = (key: 'p50_ms' | 'p95_ms') =>
    steps.map((step) => (step[key] === null ? null : Math.max(octaveOf(step[key]), -6)))
  const low = Math.floor(Math.min(0, ...cells.map((cell) => cell[1]!)))
  const high = Math.ceil(Math.max(2, ...cells.map((cell) => cell[2]!)))
  return {
    grid,
    xAxis: categoryAxis(palette, labels, width),
    yAxis: {
      ...valueAxis(palette, (octave) => formatClock(10_000 * 2 ** octave)),
      min: low,
      max: high,
      interval: high - low > 7 ? 2 : 1,
      splitLine: { show: false },
    },
    tooltip: tooltip(palette, tip),
    series: [
      {
        type: 'custom',
        data: cells,
        encode: { x: 0, y: [1, 2] },
        silent: true,
        renderItem(_: unknown, api: CellApi) {
          const [x, top] = api.coord([api.value(0), api.value(2)]) as [number, number]
          const [, bottom] = api.coord([api.value(0), api.value(1)]) as [number, number]
          const [band] = api.size([1, 0]) as [number, number]
          return {
            type: 'rect',
            shape: {
              x: x - band / 2 + gap / 2,
              y: top + gap / 2,
              width: band - gap,
              height: bottom - top - gap,
              r: 1.5,
            },
            style: { fill: palette.done, opacity: 0.1 + 0.5 * Math.sqrt(api.value(3) / most) },
          }
        },
      },
      {
        type: 'line',
        data: line('p95_ms'),
        symbol: 'none',
        connectNulls: true,
        lineStyle: { color: palette.muted, width: 1.5, type: [2, 4] },
      },
      {
        type: 'line',
        data: line('p50_ms'),
        symbol: 'circle',
        symbolSize: 4,
        showSymbol: steps.filter((step) => step.p50_ms !== null).length < 3,
        connectNulls: true,
        lineStyle: { color: palette.accent, width: 2 },
        itemStyle: { color: palette.accent },
      },
    ],
  }
}

interface CellApi {
  coord(at: number[]): number[]
  size(of: number[]): number[]
  value(dimension: number): number
}

/** A whole number of the unit that bytes are written in, at two even marks: 1.8 TB → marks at 1 TB and 2 TB. */
export function byteMarks(most: number): { interval: number; max: number } {
  const unit = 1024 ** Math.max(0, Math.floor(Math.log(Math.max(most, 1)) / Math.log(1024)))
  const half = most / unit / 2
  const scale = 10 ** Math.floor(Math.log10(Math.max(half, 1)))
  const step = [1, 2, 5, 10].find((mark) => mark * scale >= half) ?? 10
  return { interval: step * scale * unit, max: 2 * step * scale * unit }
}

/** Bytes by store, one on the other. */
export function storageOption(
  series: StorageSeries,
  labels: string[],
  tip: (index: number) => [string, ...string[]],
  palette: Palette,
  width: number,
): EChartsCoreOption {
  const area = (data: number[], color: string, opacity: number) => ({
    type: 'line' as const,
    stack: 'bytes',
    data,
    symbol: 'none',
    lineStyle: { width: 0 },
    areaStyle: { color, opacity },
  })
  const most = Math.max(0, ...series.days.map((_, i) => series.s3[i]! + series.local[i]!))
  return {
    grid,
    xAxis: { ...categoryAxis(palette, labels, width), boundaryGap: false },
    yAxis: { ...valueAxis(palette, formatBytes), ...byteMarks(most) },
    tooltip: { ...tooltip(palette, tip), axisPointer: { type: 'line', lineStyle: { color: palette.strong } } },
    series: [area(series.s3, palette.done, 0.88), area(series.local, palette.idle, 0.55)],
  }
}
