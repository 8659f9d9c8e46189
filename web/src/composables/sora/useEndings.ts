import { ref, type Ref } from 'vue'
import { useI18n } from 'vue-i18n'
import type { Generation } from '@/api/types'
import { excerpt } from '@/lib/format'
import type { Notice } from './useNotices'

export interface EndingOptions {
  announce: (text: string) => void
  tell: (notice: Notice) => Promise<void>
  noStorage: Readonly<Ref<boolean>>
  loadQuota: () => Promise<void>
}

/** Tells that a job has ended, to whoever listens or looks elsewhere. */
export function useEndings({ announce, tell, noStorage, loadQuota }: EndingOptions) {
  const { t } = useI18n()
  /** Works to offer for download at once, where nothing is stored. */
  const offered = ref<number[]>([])

  function onEnd(generation: Generation) {
    if (generation.status === 'cancelled') return
    void loadQuota()
    const outcome = generation.status === 'completed' ? 'ready' : 'failed'
    const words = excerpt(generation.prompt)
    announce(t(`sora.notice.${outcome}`, { prompt: words }))
    void tell({
      title: t(`sora.notice.${outcome}Title`),
      body: words,
      tag: `kinora-${generation.id}`,
      path: `/sora?job=${generation.id}`,
    })
    if (generation.status === 'completed' && generation.storage_type === 'upstream' && noStorage.value) {
      offered.value = [...offered.value, generation.id]
    }
  }

  return { offered, onEnd }
}
