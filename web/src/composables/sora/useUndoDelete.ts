import { onScopeDispose } from 'vue'
import { ApiError } from '@/api'

export const undoMs = 8000

export interface UndoOptions {
  hide: (id: number) => void
  unhide: (id: number) => void
  remove: (id: number) => Promise<void>
  removed: (id: number) => void
  failed: (id: number, error: unknown) => void
  /** Shows how many deletions can still be taken back. */
  offer: (ids: number[]) => void
}

/** Deletion is a wait of 8 s before the request; taking it back is only forgetting to send. */
export function useUndoDelete(options: UndoOptions) {
  const waiting = new Map<number, ReturnType<typeof setTimeout>>()

  async function commit(id: number) {
    clearTimeout(waiting.get(id))
    waiting.delete(id)
    try {
      await options.remove(id)
      options.removed(id)
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return options.removed(id)
      options.unhide(id)
      options.failed(id, error)
    }
  }

  function remove(id: number) {
    if (waiting.has(id)) return
    options.hide(id)
    waiting.set(
      id,
      setTimeout(() => void commit(id), undoMs),
    )
    options.offer([...waiting.keys()])
  }

  function undo(ids: number[]) {
    for (const id of ids) {
      if (!waiting.has(id)) continue
      clearTimeout(waiting.get(id))
      waiting.delete(id)
      options.unhide(id)
    }
  }

  function flush() {
    for (const id of [...waiting.keys()]) void commit(id)
  }

  addEventListener('pagehide', flush)
  onScopeDispose(() => {
    removeEventListener('pagehide', flush)
    flush()
  })
  return { remove, undo, flush }
}
