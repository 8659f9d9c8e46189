import { useI18n } from 'vue-i18n'
import { useApi } from '@/api'
import type { Generation } from '@/api/types'
import { excerpt } from '@/lib/format'
import { useErrorText } from '../useErrorText'
import { useBeforeLeaving } from '../useLeaving'
import { useToasts } from '../useToasts'
import type { Timeline } from './useTimeline'
import { undoMs, useUndoDelete } from './useUndoDelete'

/** Deletes works, with a toast that takes it back for as long as they are not gone. */
export function useRemoval(timeline: Pick<Timeline, 'hidden' | 'drop'>, loadQuota: () => Promise<void>) {
  const api = useApi().sora
  const toasts = useToasts()
  const errorText = useErrorText()
  const { t } = useI18n()
  const prompts = new Map<number, string>()
  const removedListeners = new Set<(id: number) => void>()
  const takenBackListeners = new Set<(ids: number[]) => void>()

  const undo = useUndoDelete({
    hide: (id) => timeline.hidden.add(id),
    unhide: (id) => timeline.hidden.delete(id),
    takenBack: (ids) => takenBackListeners.forEach((listener) => listener(ids)),
    // A stand-in has nothing behind it on the server.
    remove: (id) => (id > 0 ? api.remove(id) : Promise.resolve()),
    removed(id) {
      for (const listener of removedListeners) listener(id)
      timeline.drop(id)
      void loadQuota()
    },
    failed: (_id, error) => toasts.show({ tone: 'danger', text: errorText(error) }),
    offer(ids) {
      const prompt = excerpt(prompts.get(ids.at(-1) ?? 0) ?? '', 28)
      const text = ids.length > 1 ? t('sora.deletedMany', { n: ids.length }) : t('sora.deleted', { prompt })
      toasts.show({ text, timed: true, durationMs: undoMs, action: { label: t('ui.undo'), run: () => undo.undo(ids) } })
    },
  })
  useBeforeLeaving(undo.flush)

  /** Called when a deletion has been carried out. */
  function onRemoved(listener: (id: number) => void) {
    removedListeners.add(listener)
    return () => void removedListeners.delete(listener)
  }

  /** Called when deletions have been taken back, with their numbers in the order they were asked for. */
  function onTakenBack(listener: (ids: number[]) => void) {
    takenBackListeners.add(listener)
    return () => void takenBackListeners.delete(listener)
  }

  function remove(generation: Generation) {
    prompts.set(generation.id, generation.prompt)
    undo.remove(generation.id)
  }

  return { remove, onRemoved, onTakenBack }
}
