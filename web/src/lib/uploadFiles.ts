import type { UploadKind, UploadSubType, UploadSummary } from '@/api/types'

export const imageTypes = ['image/jpeg', 'image/png', 'image/webp', 'image/gif']
export const videoTypes = ['video/mp4', 'video/webm', 'video/quicktime']

/** All there are, in the server's order. */
export const uploadSubTypes: readonly UploadSubType[] = [
  'reference',
  'oc-avatar',
  'oc-gallery',
  'oc-gallery-video',
  'user-avatar',
  'user-background',
  'world-background',
  'scene',
  'other',
]

export const acceptedBy = (kind: UploadKind | undefined): string[] => (kind?.video ? videoTypes : imageTypes)

/** From here on a file is sent so that it can be gone on with. */
const largeBytes = 4 << 20
export const isLarge = (file: Pick<File, 'size'>): boolean => file.size > largeBytes

export type Refusal = { why: 'type' } | { why: 'size' | 'quota'; bytes: number }

/** What can be said of a file before any of it is sent; the server reads the type from the bytes. */
export function refusalOf(file: Pick<File, 'type' | 'size'>, kind: UploadKind, left: number | null): Refusal | null {
  if (file.type && !acceptedBy(kind).includes(file.type)) return { why: 'type' }
  if (file.size > kind.max_bytes) return { why: 'size', bytes: kind.max_bytes }
  if (kind.counted && left !== null && file.size > left) return { why: 'quota', bytes: left }
  return null
}

/** Bytes that there is room for; null: as many as one likes. */
export const roomOf = (summary: UploadSummary | null): number | null => (summary?.quota_enabled ? summary.left : null)

/** The kind that a file is meant for: a video for a gallery of pictures goes to that of videos. */
export function fittingKind(file: Pick<File, 'type'>, chosen: UploadKind, kinds: readonly UploadKind[]): UploadKind {
  const sibling: Partial<Record<UploadSubType, UploadSubType>> = {
    'oc-gallery': 'oc-gallery-video',
    'oc-gallery-video': 'oc-gallery',
  }
  if (acceptedBy(chosen).includes(file.type)) return chosen
  const other = kinds.find((kind) => kind.sub_type === sibling[chosen.sub_type])
  return other && acceptedBy(other).includes(file.type) ? other : chosen
}

function readEntries(reader: FileSystemDirectoryReader): Promise<FileSystemEntry[]> {
  return new Promise((resolve, reject) => reader.readEntries(resolve, reject))
}

async function filesOf(entry: FileSystemEntry): Promise<File[]> {
  if (entry.isFile) {
    return new Promise((resolve, reject) => (entry as FileSystemFileEntry).file((file) => resolve([file]), reject))
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader()
  const files: File[] = []
  // A reader gives a part of its folder at a time, and nothing when all is said.
  for (let part = await readEntries(reader); part.length > 0; part = await readEntries(reader)) {
    for (const child of part) files.push(...(await filesOf(child)))
  }
  return files
}

/** What was dropped, with all that is in its folders but what their systems hide there. */
export async function droppedFiles(transfer: DataTransfer): Promise<File[]> {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.() ?? null)
  // The list is empty once the event is over: the entries are taken before anything is awaited.
  const plain = [...transfer.files]
  if (!entries.some((entry) => entry?.isDirectory)) return plain
  const found = await Promise.all(entries.filter((entry) => entry !== null).map(filesOf))
  return found.flat().filter((file) => !file.name.startsWith('.'))
}
