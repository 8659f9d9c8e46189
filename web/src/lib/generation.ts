import type { Generation } from '@/api/types'

export const linkLifeMs = 15 * 60_000
export const linkNoticeMs = 5 * 60_000
export const linkUrgentMs = 2 * 60_000
export const slowAfterMs = 20 * 60_000
export const maxRunning = 3

/** What a card shows; `unsent` is a submission the server did not take. */
export type CardState =
  'pending' | 'generating' | 'saved' | 'local' | 'link' | 'expired' | 'failed' | 'cancelled' | 'unsent'

export const failureClasses = [
  'upstream',
  'content_policy',
  'timeout',
  'quota',
  'account',
  'submission_unknown',
  'internal',
] as const

export function isRunning(generation: Generation): boolean {
  return generation.status === 'pending' || generation.status === 'generating'
}

/** When the upstream's link closes: a quarter of an hour after the end, or sooner where the server says so. */
export function linkClosesAt(generation: Generation): number | null {
  if (generation.storage_type !== 'upstream' || !generation.completed_at) return null
  const byRule = Date.parse(generation.completed_at) + linkLifeMs
  const stated = generation.expires_at ? Date.parse(generation.expires_at) : Number.NaN
  return Number.isNaN(stated) ? byRule : Math.min(byRule, stated)
}

export function cardState(generation: Generation, now: number): CardState {
  if (generation.status !== 'completed') return generation.error_code === 'unsent' ? 'unsent' : generation.status
  if (generation.storage_type === 's3') return 'saved'
  if (generation.storage_type === 'local') return 'local'
  const closes = linkClosesAt(generation)
  return closes !== null && closes > now ? 'link' : 'expired'
}

/** Of the small picture that a wider one has beside it, in pixels. */
export const posterWidth = 640

export function mediaUrls(generation: Generation): string[] {
  if (generation.media_urls?.length) return generation.media_urls
  return generation.media_url ? [generation.media_url] : []
}

export function downloadUrls(generation: Generation): string[] {
  return generation.download_urls?.length ? generation.download_urls : mediaUrls(generation)
}

export type Shape = 'wide' | 'square' | 'tall'

/** The frame's shape, from its size, else from what was asked for. */
export function shapeOf(generation: Generation): Shape {
  if (generation.width && generation.height) {
    const ratio = generation.width / generation.height
    if (ratio > 1.2) return 'wide'
    return ratio < 0.85 ? 'tall' : 'square'
  }
  const asked = generation.params?.orientation ?? (/-(landscape|portrait)/.exec(generation.model)?.[1] || '')
  if (asked === 'portrait') return 'tall'
  if (asked === 'landscape' || generation.media_type === 'video') return 'wide'
  return 'square'
}

/** Newest first; ids decide where times are equal. */
export function newestFirst(a: Generation, b: Generation): number {
  return Date.parse(b.created_at) - Date.parse(a.created_at) || b.id - a.id
}
