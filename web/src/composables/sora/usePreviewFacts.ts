import { computed, type Ref } from 'vue'
import { useI18n } from 'vue-i18n'
import type { Generation } from '@/api/types'
import { formatBytes, formatDateTime } from '@/lib/format'
import { modelName } from '@/lib/models'
import { useDuration } from '../useDuration'
import { useSora } from './useSora'

/** Model, length, frame, size, time: what is known of a work, in that order. */
export function usePreviewFacts(work: Readonly<Ref<Generation | undefined>>) {
  const { t, locale } = useI18n()
  const { models } = useSora()
  const duration = useDuration()

  return computed(() => {
    const item = work.value
    if (!item) return []
    const facts: { name: string; value: string }[] = [
      { name: t('facts.model'), value: modelName(item.model, models.value) },
    ]
    const add = (name: string, value: string | null) => value && facts.push({ name: t(`facts.${name}`), value })
    if (item.media_type === 'video')
      add('length', item.duration_seconds ? t('time.seconds', { n: Math.round(item.duration_seconds) }) : null)
    add('frame', item.width && item.height ? `${item.width} × ${item.height}` : null)
    add('size', item.file_size_bytes ? formatBytes(item.file_size_bytes) : null)
    add('made', formatDateTime(item.completed_at ?? item.created_at, locale.value))
    const took = Date.parse(item.completed_at ?? '') - Date.parse(item.created_at)
    if (took > 0) add('took', duration(took))
    return facts
  })
}
