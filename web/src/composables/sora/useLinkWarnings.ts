import { watch, type Ref } from 'vue'
import { useI18n } from 'vue-i18n'
import type { Generation } from '@/api/types'
import { excerpt } from '@/lib/format'
import { linkClosesAt, linkNoticeMs, linkUrgentMs } from '@/lib/generation'
import { useClock } from '../useClock'
import { useToasts } from '../useToasts'

export interface LinkWarningOptions {
  /** Works that stand only behind a link. */
  unsaved: Readonly<Ref<Generation[]>>
  announce: (text: string) => void
  download: (generation: Generation) => void
}

/** Warns of a link that is about to close: at five minutes with a toast, and at two aloud. */
export function useLinkWarnings({ unsaved, announce, download }: LinkWarningOptions) {
  const clock = useClock()
  const toasts = useToasts()
  const { t } = useI18n()
  const given = new Set<string>()

  watch(clock.now, (now) => {
    for (const item of unsaved.value) {
      const left = (linkClosesAt(item) ?? now) - now
      const stage = left <= linkUrgentMs ? 'urgent' : left <= linkNoticeMs ? 'soon' : null
      if (!stage || given.has(`${item.id}-${stage}`)) continue
      given.add(`${item.id}-${stage}`)
      const text = t('sora.closesSoon', { prompt: excerpt(item.prompt, 24), n: Math.max(1, Math.ceil(left / 60_000)) })
      if (stage === 'urgent') announce(text)
      else {
        const action = { label: t('sora.download'), run: () => download(item) }
        toasts.show({ tone: 'warn', durationMs: 12_000, text, action })
      }
    }
  })
}
