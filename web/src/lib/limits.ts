import { parseBytes } from '@/lib/format'

const units = ['B', 'KB', 'MB', 'GB', 'TB', 'PB']

/** Bytes as parseBytes reads them back to the last one: 2000000 → "1953.125 KB". */
export function exactBytes(bytes: number): string {
  for (let unit = units.length - 1; unit > 0; unit--) {
    const value = bytes / 1024 ** unit
    if (value < 1) continue
    const text = `${Number(value.toFixed(3))} ${units[unit]}`
    if (parseBytes(text) === bytes) return text
  }
  return `${bytes} B`
}

/** A size that something may have: unlike a quota never 0, and never left out. */
export function parseSize(text: string): number | null {
  return parseBytes(text) || null
}

/** 50000000 → "50 MP". */
export function formatPixels(pixels: number): string {
  return `${Number((pixels / 1e6).toFixed(6))} MP`
}

/** "50 MP", "12.5mp" or "50" → pixels; anything else, and nothing, → null. */
export function parsePixels(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*(?:mp)?$/i.exec(text.trim())
  const pixels = match ? Math.round(Number(match[1]) * 1e6) : 0
  return pixels > 0 && Number.isSafeInteger(pixels) ? pixels : null
}
