const units = ['B', 'KB', 'MB', 'GB', 'TB', 'PB']

/** 2254857830 → "2.1 GB". Units are the same in every language; powers of 1024. */
export function formatBytes(bytes: number): string {
  let value = Math.max(0, bytes)
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1
  return `${Number(value.toFixed(digits))} ${units[unit]}`
}

/** "5 GB", "512mb" or "1.5 TB" → bytes; empty → 0; anything else → null. */
export function parseBytes(text: string): number | null {
  const trimmed = text.trim()
  if (!trimmed) return 0
  const match = /^(\d+(?:\.\d+)?)\s*(b|[kmgtp]i?b?)?$/i.exec(trimmed)
  if (!match) return null
  const letter = (match[2] ?? 'gb')[0]!.toLowerCase()
  const power = letter === 'b' ? 0 : 'kmgtp'.indexOf(letter) + 1
  const bytes = Math.round(Number(match[1]) * 1024 ** power)
  return Number.isSafeInteger(bytes) ? bytes : null
}

/** The server counts so far; what it calls this many may be more. */
export const countedTo = 10_000

/** 1234 → "1,234"; at the bound of counting "10,000+". */
export function formatCount(n: number, locale: string): string {
  return formatNumber(n, locale) + (n >= countedTo ? '+' : '')
}

const numbers = new Map<string, Intl.NumberFormat>()
const dates = new Map<string, Intl.DateTimeFormat>()

/** 21490 → "21,490": what was counted to its end. A count without groups is written the same in both languages, and
 * needs no formatter, the first of which costs a phone a tenth of a second. */
export function formatNumber(n: number, locale: string): string {
  if (Number.isInteger(n) && n >= 0 && n < 1000) return String(n)
  let format = numbers.get(locale)
  if (!format) numbers.set(locale, (format = new Intl.NumberFormat(locale)))
  return format.format(n)
}

/** A date as `options` have it. A formatter is made once: that takes a browser longer than a card. */
export function formatWith(date: Date, locale: string, options: Intl.DateTimeFormatOptions): string {
  const key = locale + JSON.stringify(options)
  let format = dates.get(key)
  if (!format) dates.set(key, (format = new Intl.DateTimeFormat(locale, options)))
  return format.format(date)
}

/** 108000 → "1:48", 3725000 → "1:02:05". */
export function formatClock(ms: number): string {
  const total = Math.max(0, Math.floor(ms / 1000))
  const seconds = String(total % 60).padStart(2, '0')
  const minutes = Math.floor(total / 60) % 60
  const hours = Math.floor(total / 3600)
  return hours ? `${hours}:${String(minutes).padStart(2, '0')}:${seconds}` : `${minutes}:${seconds}`
}

const twoDigits = (n: number) => String(n).padStart(2, '0')

/** "14:05", here: the same in every language, and there before a browser has made its first formatter. */
export function formatTime(iso: string): string {
  const date = new Date(iso)
  return `${twoDigits(date.getHours())}:${twoDigits(date.getMinutes())}`
}

/** The locale to format by: English has its days before its months here. */
export const british = (locale: string) => (locale === 'en' ? 'en-GB' : locale)

export function formatDateTime(iso: string, locale: string): string {
  return formatWith(new Date(iso), british(locale), { dateStyle: 'medium', timeStyle: 'short', hourCycle: 'h23' })
}

export function formatDate(iso: string, locale: string): string {
  return formatWith(new Date(iso), british(locale), { dateStyle: 'medium' })
}

/** "23 Oct": a day of this year or the last, UTC. */
export function formatDay(ms: number, locale: string): string {
  return formatWith(new Date(ms), british(locale), { day: 'numeric', month: 'short', timeZone: 'UTC' })
}

/** Local calendar day, for grouping: "2026-11-21". */
export function dayOf(ms: number): string {
  const date = new Date(ms)
  return `${date.getFullYear()}-${twoDigits(date.getMonth() + 1)}-${twoDigits(date.getDate())}`
}

/** The first words of a prompt, for toasts and titles. */
export function excerpt(text: string, max = 40): string {
  const flat = text.replace(/\s+/g, ' ').trim()
  const letters = [...flat]
  return letters.length <= max
    ? flat
    : `${letters
        .slice(0, max - 1)
        .join('')
        .trimEnd()}…`
}
