import { computed, onScopeDispose, reactive } from 'vue'
import { ApiError, useApi } from '@/api'
import type { Upload, UploadKind } from '@/api/types'
import { forget, isSameFile, remember, unfinishedOf, type Unfinished } from '@/lib/unfinished'
import { isLarge, type Refusal } from '@/lib/uploadFiles'
import { useSession } from '@/stores/session'

/** `away`: the server has a part of it, and the page not the file. */
export type TransferState = 'waiting' | 'sending' | 'paused' | 'offline' | 'away' | 'done' | 'failed'

export interface Transfer {
  id: number
  name: string
  kind: UploadKind
  size: number
  /** When the file was changed last. */
  modified: number
  sent: number
  state: TransferState
  /** Milliseconds that the rest will take; null: unknown. */
  restMs: number | null
  /** Of a picture, as long as the list shows it. */
  preview: string | null
  refusal: Refusal | null
  error: unknown
  /** Where the server has what was sent of it; its room is taken there. */
  address: string | null
  /** Another file was chosen to go on with it. */
  mistaken: boolean
  result: Upload | null
}

export interface TransferEvents {
  done: (upload: Upload) => void
  /** Room was taken or given back on the server. */
  roomChanged?: () => void
}

/** At a time: one that is large does not keep the small ones waiting. */
const atOnce = 2

const blank = { sent: 0, restMs: null, preview: null, refusal: null, error: null, mistaken: false, result: null }

/**
 * Files on their way. What breaks for want of a network goes on when there is one; large files go
 * on from where they stood, also after a reload and once the file is chosen again.
 */
export function useTransfers(events: TransferEvents) {
  const api = useApi().uploads
  const session = useSession()
  const list = reactive<Transfer[]>([])
  const files = new Map<number, File>()
  const running = new Map<number, AbortController>()
  let next = 1

  const coming = computed(() =>
    list.filter((item) => item.kind.counted && !['done', 'failed', 'away'].includes(item.state)),
  )
  const sizeOf = (items: Transfer[]) => items.reduce((sum, item) => sum + item.size, 0)
  /** Bytes that count and have not arrived yet. */
  const pending = computed(() => sizeOf(coming.value))
  /** Of these the ones that the server does not know of. */
  const unreserved = computed(() => sizeOf(coming.value.filter((item) => item.address === null)))

  const find = (id: number) => list.find((item) => item.id === id)

  function push(fields: Omit<Transfer, keyof typeof blank | 'id'> & Partial<Transfer>): Transfer {
    list.push({ ...blank, id: next++, ...fields })
    return list[list.length - 1]!
  }

  function add(file: File, kind: UploadKind, refusal: Refusal | null) {
    const begun = list.find(
      (item) => item.state === 'away' && item.kind.sub_type === kind.sub_type && isSameFile(item, file),
    )
    if (begun) return goOn(begun.id, file)
    const preview = file.type.startsWith('image/') && !refusal ? URL.createObjectURL(file) : null
    const { name, size, lastModified: modified } = file
    const item = push({
      name,
      size,
      modified,
      kind,
      preview,
      refusal,
      address: null,
      state: refusal ? 'failed' : 'waiting',
    })
    files.set(item.id, file)
    pump()
  }

  /** The file of one that the page had lost. */
  function goOn(id: number, file: File) {
    const item = find(id)
    if (item?.state !== 'away') return
    item.mistaken = !isSameFile(item, file)
    if (item.mistaken) return
    files.set(id, file)
    item.state = 'waiting'
    pump()
  }

  /** Those that were begun before this page was there, in this browser. */
  async function recall(kinds: readonly UploadKind[]) {
    const begun = unfinishedOf(session.user?.id ?? 0)
    await Promise.allSettled(begun.map((one) => recallOne(one, kinds)))
  }

  async function recallOne({ address, name, size, modified, sub_type }: Unfinished, kinds: readonly UploadKind[]) {
    const kind = kinds.find((one) => one.sub_type === sub_type)
    const standing = await api.standingOf(address)
    if (!standing) return forget(address)
    if (!kind || list.some((item) => item.address === address)) return
    push({ name, size, modified, kind, address, sent: standing.offset, state: 'away' })
  }

  function pump() {
    for (const item of list) {
      if (running.size >= atOnce) return
      // One that was paused and goes on at once waits until its former run has ended.
      if (item.state === 'waiting' && !running.has(item.id)) void run(item)
    }
  }

  function fail(item: Transfer, error: unknown, stopped: boolean) {
    if (stopped) return
    const offline = error instanceof ApiError && error.status === 0
    item.state = offline ? 'offline' : 'failed'
    item.error = error
    // Where the browser does not know of it, the server may be the one that is away.
    if (offline && navigator.onLine) setTimeout(() => resume(item.id), 5000)
  }

  function atAddress(item: Transfer, address: string | null) {
    if (item.address) forget(item.address)
    item.address = address
    const { name, size, modified, kind } = item
    const user = session.user?.id ?? 0
    if (address) remember({ user, address, name, size, modified, sub_type: kind.sub_type, since: Date.now() })
    else item.sent = 0
    events.roomChanged?.()
  }

  /** Tells of the rest by what this try has brought, not by what was there before it. */
  function follow(item: Transfer) {
    const began = Date.now()
    let first: number | null = null
    return (sent: number, total: number) => {
      first ??= isLarge(item) ? sent : 0
      item.sent = Math.min(item.size, Math.round((sent / total) * item.size))
      item.restMs = sent > first ? ((Date.now() - began) / (sent - first)) * (total - sent) : null
    }
  }

  function send(item: Transfer, file: File, signal: AbortSignal): Promise<Upload> {
    const options = { signal, onProgress: follow(item) }
    if (!isLarge(file)) return api.send(file, item.kind.sub_type, options)
    return api.sendResumable(file, item.kind.sub_type, {
      ...options,
      address: item.address,
      onAddress: (address) => address !== item.address && !signal.aborted && atAddress(item, address),
    })
  }

  async function run(item: Transfer) {
    const stop = new AbortController()
    running.set(item.id, stop)
    item.state = 'sending'
    if (!item.address) item.sent = 0
    item.restMs = null
    try {
      item.result = await send(item, files.get(item.id)!, stop.signal)
      item.state = 'done'
      item.sent = item.size
      files.delete(item.id)
      if (item.address) forget(item.address)
      events.done(item.result)
    } catch (error) {
      fail(item, error, stop.signal.aborted)
    } finally {
      running.delete(item.id)
      pump()
    }
  }

  /** Of a large file the server keeps what it has; a small one begins anew. */
  function pause(id: number) {
    const item = find(id)
    if (!item || (item.state !== 'sending' && item.state !== 'waiting')) return
    item.state = 'paused'
    running.get(id)?.abort()
  }

  function resume(id: number) {
    const item = find(id)
    if (!item || item.refusal || !['paused', 'offline', 'failed'].includes(item.state)) return
    item.state = 'waiting'
    item.error = null
    pump()
  }

  /** Off the list. */
  function drop(id: number): Transfer | undefined {
    const index = list.findIndex((item) => item.id === id)
    if (index < 0) return undefined
    const [item] = list.splice(index, 1)
    running.get(id)?.abort()
    files.delete(id)
    if (item?.preview) URL.revokeObjectURL(item.preview)
    return item
  }

  /** Stops it for good: what the server has of it is given back. */
  async function dismiss(id: number) {
    const item = drop(id)
    if (!item?.address || item.state === 'done') return
    forget(item.address)
    // Where this fails the server gives it up by itself, a day after its last byte.
    await api.abandon(item.address).catch(() => undefined)
    events.roomChanged?.()
  }

  function online() {
    for (const item of list) if (item.state === 'offline') resume(item.id)
  }

  addEventListener('online', online)
  onScopeDispose(() => {
    removeEventListener('online', online)
    for (const item of [...list]) drop(item.id)
  })

  return { list, pending, unreserved, add, goOn, recall, pause, resume, dismiss }
}
