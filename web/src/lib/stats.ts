import type { AccountHealth, Stats, StatsPeriod, StoredDay } from '@/api/types'
import { british, formatTime, formatWith } from './format'

const dayMs = 86_400_000

/** Of those that came to an end of their own; null when none did. */
export function successRate(completed: number, failed: number): number | null {
  const ended = completed + failed
  return ended ? completed / ended : null
}

/** 0.9663 → "96.6 %"; 100 % only when nothing failed. */
export function formatShare(share: number): string {
  const percent = Math.floor(share * 1000) / 10
  return `${Number(percent.toFixed(1))} %`
}

/** Where a step begins, as its axis says it. */
export function stepLabel(at: string, period: StatsPeriod, locale: string): string {
  const date = new Date(at)
  const language = british(locale)
  if (period === '24h') return formatTime(at)
  if (period === '30d') return formatWith(date, language, { day: 'numeric', month: 'short' })
  return formatWith(date, language, { weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
}

export type HealthState = 'active' | 'cooling' | 'error' | 'disabled'

export function healthState(account: Pick<AccountHealth, 'status' | 'cooling_seconds'>): HealthState {
  if (account.status !== 'active') return account.status
  return account.cooling_seconds > 0 ? 'cooling' : 'active'
}

export interface StorageSeries {
  /** The beginning of each day, UTC. */
  days: number[]
  s3: number[]
  local: number[]
}

/** Bytes by store for each day from the first one known; a day nobody looked is as the one before. */
export function storageSeries(days: StoredDay[], lastDay: number): StorageSeries {
  const sums = new Map<number, { s3: number; local: number }>()
  for (const { day, storage, bytes } of days) {
    const sum = sums.get(Date.parse(day)) ?? { s3: 0, local: 0 }
    sum[storage] += bytes
    sums.set(Date.parse(day), sum)
  }
  const series: StorageSeries = { days: [], s3: [], local: [] }
  if (!sums.size) return series
  let known = { s3: 0, local: 0 }
  const last = Math.floor(lastDay / dayMs) * dayMs
  for (let day = Math.min(...sums.keys()); day <= last; day += dayMs) {
    known = sums.get(day) ?? known
    series.days.push(day)
    series.s3.push(known.s3)
    series.local.push(known.local)
  }
  return series
}

export interface StoredNow {
  s3: number
  local: number
  sora: number
  upload: number
  free: number
}

/** What lay there at the last look. */
export function storedNow({ days, measured_at }: Stats['storage']): StoredNow {
  const now: StoredNow = { s3: 0, local: 0, sora: 0, upload: 0, free: 0 }
  const today = Math.floor(Date.parse(measured_at) / dayMs) * dayMs
  for (const { day, storage, counter, bytes } of days) {
    if (Date.parse(day) !== today) continue
    now[storage] += bytes
    now[counter] += bytes
  }
  return now
}
