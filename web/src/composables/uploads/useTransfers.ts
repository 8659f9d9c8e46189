import { computed, onScopeDispose, reactive } from 'vue'
import { ApiError, useApi } from '@/api'
import type { Upload, UploadKind } from '@/api/types'
import type { Refusal } from '@/lib/uploadFiles'

export type TransferState = 'waiting' | 'sending' | 'paused' | 'offline' | 'done' | 'failed'

export interface Transfer {
  id: number
  name: string
  kind: UploadKind
  size: number
  sent: number
  state: TransferState
  /** Milliseconds that the rest will take; null: unknown. */
  restMs: number | null
  /** Of a picture, as long as the list shows it. */
  preview: string | null
  refusal: Refusal | null
  error: unknown
  result: Upload | null
}

/** At a time: one that is large does not keep the small ones waiting. */
const atOnce = 2

/** Files on their way. What breaks for want of a network begins again when there is one. */
export function useTransfers(done: (upload: Upload) => void) {
  const api = useApi().uploads
  const list = reactive<Transfer[]>([])
  const files = new Map<number, File>()
  const running = new Map<number, AbortController>()
  let next = 1

  /** Bytes that count and have not arrived yet. */
  const pending = computed(() =>
    list
      .filter((item) => item.kind.counted && item.state !== 'done' && item.state !== 'failed')
      .reduce((sum, item) => sum + item.size, 0),
  )

  const find = (id: number) => list.find((item) => item.id === id)

  function add(file: File, kind: UploadKind, refusal: Refusal | null) {
    const id = next++
    files.set(id, file)
    const preview = file.type.startsWith('image/') && !refusal ? URL.createObjectURL(file) : null
    const state = refusal ? 'failed' : 'waiting'
    const { name, size } = file
    list.push({ id, name, size, kind, state, refusal, preview, sent: 0, restMs: null, error: null, result: null })
    pump()
  }

  function pump() {
    for (const item of list) {
      if (running.size >= atOnce) return
      if (item.state === 'waiting') void run(item)
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

  async function run(item: Transfer) {
    const stop = new AbortController()
    const began = Date.now()
    running.set(item.id, stop)
    item.state = 'sending'
    item.sent = 0
    try {
      item.result = await api.send(files.get(item.id)!, item.kind.sub_type, {
        signal: stop.signal,
        onProgress: (sent, total) => {
          item.sent = Math.min(item.size, Math.round((sent / total) * item.size))
          item.restMs = sent > 0 ? ((Date.now() - began) / sent) * (total - sent) : null
        },
      })
      item.state = 'done'
      item.sent = item.size
      files.delete(item.id)
      done(item.result)
    } catch (error) {
      fail(item, error, stop.signal.aborted)
    } finally {
      running.delete(item.id)
      pump()
    }
  }

  /** What has been sent of it is lost: it begins anew. */
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

  /** Stops it, and takes it off the list. */
  function dismiss(id: number) {
    const index = list.findIndex((item) => item.id === id)
    if (index < 0) return
    const [item] = list.splice(index, 1)
    running.get(id)?.abort()
    files.delete(id)
    if (item?.preview) URL.revokeObjectURL(item.preview)
  }

  function online() {
    for (const item of list) if (item.state === 'offline') resume(item.id)
  }

  addEventListener('online', online)
  onScopeDispose(() => {
    removeEventListener('online', online)
    for (const item of [...list]) dismiss(item.id)
  })

  return { list, pending, add, pause, resume, dismiss }
}
