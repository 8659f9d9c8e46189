import { inject, onScopeDispose, provide, ref, watch, type InjectionKey } from 'vue'
import { useI18n } from 'vue-i18n'
import { useApi } from '@/api'
import type { Quota } from '@/api/types'
import { useClock } from '../useClock'
import { useEvents } from '../useEvents'
import { useDownloads } from './useDownloads'
import { useDraft } from './useDraft'
import { useEndings } from './useEndings'
import { useJobActions } from './useJobActions'
import { useLinkWarnings } from './useLinkWarnings'
import { useModels } from './useModels'
import { useNotices } from './useNotices'
import { useOutbox } from './useOutbox'
import { useRefusals } from './useRefusals'
import { useRemoval } from './useRemoval'
import { useReuse } from './useReuse'
import { useStorage } from './useStorage'
import { useTimeline } from './useTimeline'
import { useUnsaved } from './useUnsaved'

export interface SoraOptions {
  /** The person's id: what this tab keeps of their words is theirs alone. */
  owner?: number
  /** Goes to a path of this page, where a pressed notification leads. */
  open?: (path: string) => void
}

/** Everything the Sora pages share: one timeline, one quota, one draft, for as long as someone is signed in. */
function createSora({ owner = 0, open }: SoraOptions) {
  const api = useApi().sora
  const events = useEvents()
  const clock = useClock()
  const { locale } = useI18n()

  /** Read out by screen readers when a job ends, or a link is about to close. */
  const announcement = ref('')
  const announce = (text: string) => void (announcement.value = text)

  const { models, modelsLoaded, modelsError, families, loadModels } = useModels()
  const { quota, canSave, noStorage, full, loadQuota, loadStorage } = useStorage()
  const { quotaFull, refused, tryAgain } = useRefusals(loadQuota)
  const draft = useDraft(owner)
  const outbox = useOutbox(owner)
  const downloads = useDownloads()
  const { askPermission, tell } = useNotices(open)
  const { offered, onEnd } = useEndings({ announce, tell, noStorage, loadQuota })
  const timeline = useTimeline({ api, events, clock, onEnd })
  const unsaved = useUnsaved(timeline.list, downloads.done, clock)
  useLinkWarnings({ unsaved, announce, download: downloads.download })

  let started = false
  async function start() {
    if (started) return
    started = true
    await Promise.all([timeline.refresh(), loadQuota(), loadStorage(), loadModels()])
  }

  function catchUp() {
    if (document.hidden || !started) return
    void Promise.all([timeline.refresh(), loadQuota(), loadStorage(), modelsError.value && loadModels()])
  }
  document.addEventListener('visibilitychange', catchUp)
  addEventListener('online', catchUp)
  onScopeDispose(() => {
    document.removeEventListener('visibilitychange', catchUp)
    removeEventListener('online', catchUp)
  })
  // Accounts and storage may have changed with the settings: so may the models and what can be kept.
  onScopeDispose(events.on('settings', () => void (started && Promise.all([loadModels(), loadStorage()]))))
  onScopeDispose(events.on('quota', (data) => (quota.value = data as Quota)))
  // The server's sentences on the cards and its words for models are in the language they were asked for in.
  watch(locale, () => void (started && Promise.all([timeline.reread().catch(() => undefined), loadModels()])))

  return {
    timeline,
    quota,
    quotaFull,
    refused,
    tryAgain,
    models,
    modelsLoaded,
    modelsError,
    families,
    canSave,
    noStorage,
    full,
    draft,
    outbox,
    downloads,
    unsaved,
    announcement,
    offered,
    start,
    loadQuota,
    loadModels,
    askPermission,
    ...useReuse(draft),
    ...useRemoval(timeline, loadQuota),
    ...useJobActions({ timeline, loadQuota, refused, tryAgain }),
  }
}

export type Sora = ReturnType<typeof createSora>
export const soraKey: InjectionKey<Sora> = Symbol('sora')

export function provideSora(options: SoraOptions = {}): Sora {
  const sora = createSora(options)
  provide(soraKey, sora)
  return sora
}

export function useSora(): Sora {
  const sora = inject(soraKey)
  if (!sora) throw new Error('no sora provided')
  return sora
}
