import { onScopeDispose } from 'vue'
import { ApiError } from '@/api'

export const undoMs = 8000

export interface UndoOptions<Id> {
  hide: (id: Id) => void
  unhide: (id: Id) => void
  takenBack?: (ids: Id[]) => void
  remove: (id: Id) => Promise<void>
  removed: (id: Id) => void
  failed: (id: Id, error: unknown) => void
  /** Shows how many deletions can still be taken back. */
  offer: (ids: Id[]) => void
}

/** Deletion is a wait of 8 s before the request; taking it back is only forgetting to send. */
export function useUndoDelete<Id extends number | string = number>(options: UndoOptions<Id>) {
  const waiting = new Map<Id, ReturnType<typeof setTimeout>>()

  async function commit(id: Id) {
    clearTimeout(waiting.get(id))
    waiting.delete(id)
    try {
      await options.remove(id)
      options.removed(id)
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return options.removed(id)
      options.unhide(id)
      // Whose session has ended is not here any more to be told.
      if (!(error instanceof ApiError && error.status === 401)) options.failed(id, error)
    }
  }

  function remove(id: Id) {
    if (waiting.has(id)) return
    options.hide(id)
    waiting.set(
      id,
      setTimeout(() => void commit(id), undoMs),
    )
    options.offer([...waiting.keys()])
  }

  function undo(ids: Id[]) {
    const open = ids.filter((id) => waiting.has(id))
    for (const id of open) {
      clearTimeout(waiting.get(id))
      waiting.delete(id)
      options.unhide(id)
    }
    if (open.length) options.takenBack?.(open)
  }

  async function flush() {
    await Promise.all([...waiting.keys()].map(commit))
  }

  const leave = () => void flush()
  addEventListener('pagehide', leave)
  onScopeDispose(() => {
    removeEventListener('pagehide', leave)
    leave()
  })
  return { remove, undo, flush }
}
