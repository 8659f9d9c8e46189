import { useI18n } from 'vue-i18n'
import { ApiError, useApi } from '@/api'
import type { Generation } from '@/api/types'
import { useErrorText } from '../useErrorText'
import { useToasts } from '../useToasts'
import type { Timeline } from './useTimeline'

export interface JobActionOptions {
  timeline: Pick<Timeline, 'put' | 'refreshOne'>
  loadQuota: () => Promise<void>
  refused: (error: unknown) => void
  tryAgain: () => void
}

/** Cancels a job, and saves a work that stands only behind its link. */
export function useJobActions({ timeline, loadQuota, refused, tryAgain }: JobActionOptions) {
  const api = useApi().sora
  const toasts = useToasts()
  const errorText = useErrorText()
  const { t } = useI18n()

  async function cancel(generation: Generation) {
    try {
      timeline.put(await api.cancel(generation.id))
    } catch (error) {
      toasts.show({ tone: 'danger', text: errorText(error) })
      await timeline.refreshOne(generation.id).catch(() => undefined)
    }
  }

  async function save(generation: Generation): Promise<void> {
    tryAgain()
    try {
      timeline.put(await api.save(generation.id))
      toasts.show({ tone: 'ok', text: t('sora.savedToast') })
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 410)) return refused(error)
      toasts.show({ tone: 'danger', text: t('sora.saveExpired') })
    }
    void loadQuota()
  }

  return { cancel, save }
}
