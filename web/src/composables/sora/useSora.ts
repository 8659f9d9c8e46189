import { computed, inject, onScopeDispose, provide, ref, watch, type InjectionKey } from 'vue'
import { useI18n } from 'vue-i18n'
import { ApiError, useApi } from '@/api'
import type { Generation, Model, Quota, StorageStatus } from '@/api/types'
import { linkClosesAt, linkNoticeMs, linkUrgentMs } from '@/lib/generation'
import { excerpt } from '@/lib/format'
import { groupModels } from '@/lib/models'
import { quotaUse } from '@/lib/quota'
import { useClock } from '../useClock'
import { useErrorText } from '../useErrorText'
import { useEvents } from '../useEvents'
import { useToasts } from '../useToasts'
import { useDownloads } from './useDownloads'
import { useDraft } from './useDraft'
import { useNotices } from './useNotices'
import { useOutbox } from './useOutbox'
import { useTimeline } from './useTimeline'
import { undoMs, useUndoDelete } from './useUndoDelete'
import { useUnsaved } from './useUnsaved'

export interface SoraOptions {
  /** The person's id: what this tab keeps of their words is theirs alone. */
  owner?: number
  /** Goes to a path of this page, where a pressed notification leads. */
  open?: (path: string) => void
}

/** What a refusal for want of room says of it. */
export interface QuotaFigures {
  quota_bytes: number
  used_bytes: number
}

/** Everything the Sora pages share: one timeline, one quota, one draft, for as long as someone is signed in. */
function createSora({ owner = 0, open }: SoraOptions) {
  const api = useApi().sora
  const events = useEvents()
  const clock = useClock()
  const toasts = useToasts()
  const errorText = useErrorText()
  const { t, locale } = useI18n()

  const quota = ref<Quota | null>(null)
  const storage = ref<StorageStatus | null>(null)
  /** While the dialog for a full storage is open. */
  const quotaFull = ref<QuotaFigures | null>(null)
  const models = ref<Model[]>([])
  const modelsLoaded = ref(false)
  const modelsError = ref<unknown>(null)
  /** Read out by screen readers when a job ends. */
  const announcement = ref('')
  /** Works to offer for download at once, where nothing is stored. */
  const offered = ref<number[]>([])

  const families = computed(() => groupModels(models.value))
  const canSave = computed(() => storage.value !== null && storage.value.s3_enabled && storage.value.s3_healthy)
  const noStorage = computed(() => storage.value !== null && !canSave.value && !storage.value.local_enabled)
  const full = computed(() => quotaUse(quota.value).full)

  const draft = useDraft(owner)
  const outbox = useOutbox(owner)
  const downloads = useDownloads()
  const notices = useNotices(open)
  const timeline = useTimeline({ api, events, clock, onEnd })
  const unsaved = useUnsaved(timeline.list, downloads.done, clock)

  const loadQuota = async () => void (quota.value = await api.quota().catch(() => quota.value))
  const loadStorage = async () => void (storage.value = await api.storageStatus().catch(() => storage.value))

  async function loadModels() {
    try {
      models.value = await api.models()
      modelsLoaded.value = true
      modelsError.value = null
    } catch (error) {
      modelsError.value = error
    }
  }

  function onEnd(generation: Generation) {
    if (generation.status === 'cancelled') return
    void loadQuota()
    const outcome = generation.status === 'completed' ? 'ready' : 'failed'
    const words = excerpt(generation.prompt)
    announcement.value = t(`sora.notice.${outcome}`, { prompt: words })
    void notices.tell({
      title: t(`sora.notice.${outcome}Title`),
      body: words,
      tag: `kinora-${generation.id}`,
      path: `/sora?job=${generation.id}`,
    })
    if (generation.status === 'completed' && generation.storage_type === 'upstream' && noStorage.value) {
      offered.value = [...offered.value, generation.id]
    }
  }

  const undo = useUndoDelete({
    hide: (id) => timeline.hidden.add(id),
    unhide: (id) => timeline.hidden.delete(id),
    takenBack: (ids) => takenBackListeners.forEach((listener) => listener(ids)),
    remove: (id) => (id > 0 ? api.remove(id) : Promise.resolve()),
    removed(id) {
      for (const listener of removedListeners) listener(id)
      timeline.drop(id)
      void loadQuota()
    },
    failed: (_id, error) => toasts.show({ tone: 'danger', text: errorText(error) }),
    offer(ids) {
      const last = ids.at(-1)
      const prompt = excerpt(removedPrompts.get(last ?? 0) ?? '', 28)
      const text = ids.length > 1 ? t('sora.deletedMany', { n: ids.length }) : t('sora.deleted', { prompt })
      toasts.show({ text, timed: true, durationMs: undoMs, action: { label: t('ui.undo'), run: () => undo.undo(ids) } })
    },
  })
  const removedPrompts = new Map<number, string>()
  const removedListeners = new Set<(id: number) => void>()
  const takenBackListeners = new Set<(ids: number[]) => void>()

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
    removedPrompts.set(generation.id, generation.prompt)
    undo.remove(generation.id)
  }

  let refusal = 0
  /** What the server refused to make or to keep: with the way to make room, where that is what it wants. */
  function refused(error: unknown) {
    if (error instanceof ApiError && error.code === 'quota_exceeded') {
      const { quota_bytes, used_bytes } = error.details
      quotaFull.value = { quota_bytes: Number(quota_bytes ?? 0), used_bytes: Number(used_bytes ?? 0) }
      void loadQuota()
    } else {
      refusal = toasts.show({ tone: 'danger', text: errorText(error) })
    }
  }

  /** The next try has begun: what the last one met no longer holds. */
  function tryAgain() {
    toasts.close(refusal)
  }

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

  /** Reference images sent from this page; the server keeps them only as long as their job. */
  const references = new Map<number, string>()
  const referenceOf = (generation: Generation) => generation.params?.image_url ?? references.get(generation.id) ?? null

  /** A prompt is to be gone on with: its field takes the focus as soon as it stands. */
  const promptWanted = ref(false)

  function reuse(generation: Generation) {
    promptWanted.value = true
    draft.prompt.value = generation.prompt
    const given = referenceOf(generation)
    draft.image.value = given ? { value: given, name: '' } : null
    if (!given && generation.params?.image_input) toasts.show({ tone: 'warn', text: t('sora.imageGone') })
  }

  /** The countdown speaks at five minutes, with a toast, and at two. */
  const noticed = new Set<string>()
  watch(clock.now, (now) => {
    for (const item of unsaved.value) {
      const left = (linkClosesAt(item) ?? now) - now
      const stage = left <= linkUrgentMs ? 'urgent' : left <= linkNoticeMs ? 'soon' : null
      if (!stage || noticed.has(`${item.id}-${stage}`)) continue
      noticed.add(`${item.id}-${stage}`)
      const text = t('sora.closesSoon', { prompt: excerpt(item.prompt, 24), n: Math.max(1, Math.ceil(left / 60_000)) })
      if (stage === 'urgent') announcement.value = text
      else {
        const action = { label: t('sora.download'), run: () => downloads.download(item) }
        toasts.show({ tone: 'warn', durationMs: 12_000, text, action })
      }
    }
  })

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
    references,
    referenceOf,
    start,
    remove,
    onRemoved,
    onTakenBack,
    refused,
    tryAgain,
    cancel,
    save,
    promptWanted,
    reuse,
    loadQuota,
    loadModels,
    askPermission: notices.askPermission,
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
