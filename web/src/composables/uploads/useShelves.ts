import { computed, reactive, ref, shallowRef } from 'vue'
import { useI18n } from 'vue-i18n'
import { useApi } from '@/api'
import type { Upload, UploadKind, UploadSubType, UploadSummary } from '@/api/types'
import { undoMs, useUndoDelete } from '../sora/useUndoDelete'
import { useErrorText } from '../useErrorText'
import { useReread } from '../useReread'
import { useBeforeLeaving } from '../useLeaving'
import { useToasts } from '../useToasts'

const firstPage = 14
const wholePage = 100

export const uploadId = (upload: Upload) => upload.upload_uuid ?? upload.key

/** One's uploads by what they are for, with what they take. */
export function useShelves() {
  const api = useApi().uploads
  const toasts = useToasts()
  const errorText = useErrorText()
  const { t } = useI18n()
  const summary = shallowRef<UploadSummary | null>(null)
  const rows = reactive(new Map<UploadSubType, Upload[]>())
  const hidden = reactive(new Set<string>())
  const whole = reactive(new Set<UploadSubType>())
  const error = ref<unknown>(null)

  const kinds = computed(() => summary.value?.sub_types ?? [])
  const shelves = computed(() =>
    kinds.value
      .filter((kind) => kind.files > 0)
      .map((kind) => ({
        kind,
        whole: whole.has(kind.sub_type),
        items: (rows.get(kind.sub_type) ?? []).filter((item) => !hidden.has(uploadId(item))),
      })),
  )

  async function loadShelf(kind: UploadKind) {
    const size = whole.has(kind.sub_type) ? wholePage : firstPage
    const found: Upload[] = []
    for (let page = 1; ; page++) {
      const answer = await api.list({ sub_type: kind.sub_type, page, page_size: size })
      found.push(...answer.data)
      if (!whole.has(kind.sub_type) || found.length >= answer.total || answer.data.length === 0) break
    }
    rows.set(kind.sub_type, found)
  }

  async function reload() {
    try {
      const next = await api.summary()
      await Promise.all(next.sub_types.filter((kind) => kind.files > 0).map(loadShelf))
      summary.value = next
      error.value = null
    } catch (caught) {
      error.value = caught
    }
  }

  useReread(() => void ((summary.value || error.value) && reload()))

  /** Links that no longer open: their shelf is read anew, once a minute at most. */
  const renewed = new Map<UploadSubType, number>()
  async function renew(kind: UploadKind) {
    if (Date.now() - (renewed.get(kind.sub_type) ?? 0) < 60_000) return
    renewed.set(kind.sub_type, Date.now())
    await loadShelf(kind).catch(() => undefined)
  }

  async function showAll(kind: UploadKind) {
    whole.add(kind.sub_type)
    await reload()
  }

  /** One has arrived: its shelf alone is read anew. */
  async function arrived(upload: Upload) {
    try {
      const next = await api.summary()
      const kind = next.sub_types.find((item) => item.sub_type === upload.sub_type)
      if (kind) await loadShelf(kind)
      summary.value = next
    } catch {
      /* the next one reads it again */
    }
  }

  /** What is used and left, alone. */
  async function refigure() {
    try {
      summary.value = await api.summary()
    } catch {
      /* the next one reads it again */
    }
  }

  const undo = useUndoDelete<string>({
    hide: (id) => hidden.add(id),
    unhide: (id) => hidden.delete(id),
    remove: (id) => api.remove(id),
    removed: () => void reload(),
    failed: (_id, caught) => toasts.show({ tone: 'danger', text: errorText(caught) }),
    offer: (ids) =>
      toasts.show({
        text: t('uploads.deleted', { n: ids.length }, ids.length),
        action: { label: t('ui.undo'), run: () => undo.undo(ids) },
        timed: true,
        durationMs: undoMs,
      }),
  })
  useBeforeLeaving(undo.flush)

  return { summary, kinds, shelves, error, reload, refigure, renew, showAll, arrived, remove: undo.remove }
}
