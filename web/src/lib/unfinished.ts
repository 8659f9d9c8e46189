import type { UploadSubType } from '@/api/types'
import { browserStore } from './storage'

/** An upload that the server has a part of, so that it can be gone on with after a reload. */
export interface Unfinished {
  /** Whose. */
  user: number
  /** Where the server has it. */
  address: string
  name: string
  size: number
  modified: number
  sub_type: UploadSubType
  since: number
}

type FileFacts = Pick<File, 'name' | 'size' | 'lastModified'>

const key = 'kinora.unfinished'
/** The server forgets them after a day without a byte. */
const keptMs = 7 * 24 * 3600 * 1000
/** As many as the server keeps of one person. */
const most = 32

function isUnfinished(value: unknown): value is Unfinished {
  const item = value as Partial<Unfinished> | null
  return (
    typeof item?.user === 'number' &&
    typeof item.address === 'string' &&
    item.address.startsWith('/api/uploads/tus/') &&
    typeof item.name === 'string' &&
    typeof item.size === 'number' &&
    typeof item.modified === 'number' &&
    typeof item.sub_type === 'string' &&
    typeof item.since === 'number'
  )
}

function readAll(now: number): Unfinished[] {
  const list = browserStore.readJson(key)
  return Array.isArray(list) ? list.filter(isUnfinished).filter((item) => now - item.since < keptMs) : []
}

const write = (list: Unfinished[]) => browserStore.write(key, list.length ? JSON.stringify(list) : null)

/** The very file: a copy of other bytes under the same name was changed at another time. */
export const isSameFile = (item: Pick<Unfinished, 'name' | 'size' | 'modified'>, file: FileFacts): boolean =>
  item.name === file.name && item.size === file.size && item.modified === file.lastModified

export function unfinishedOf(user: number, now = Date.now()): Unfinished[] {
  return readAll(now).filter((item) => item.user === user)
}

export function remember(item: Unfinished): void {
  const others = readAll(item.since).filter((other) => other.address !== item.address)
  write([...others, item].slice(-most))
}

export function forget(address: string): void {
  write(readAll(Date.now()).filter((item) => item.address !== address))
}
