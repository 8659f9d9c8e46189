import type { Quota } from '@/api/types'

/** From here on it is said that the room runs out. */
const nearlyFullPercent = 90

/** How much of a quota is used, and the tone to show it in. Without a limit nothing is ever full. */
export function quotaUse(quota: Quota | null) {
  const limited = quota !== null && quota.quota_bytes > 0
  const percent = limited ? (quota.used_bytes / quota.quota_bytes) * 100 : 0
  // Not from used_bytes: what is reserved is gone too.
  const full = limited && (quota.available_bytes ?? 0) <= 0
  const tone: 'danger' | 'warn' | 'paper' = full ? 'danger' : percent > nearlyFullPercent ? 'warn' : 'paper'
  return { limited, percent, full, tone }
}
