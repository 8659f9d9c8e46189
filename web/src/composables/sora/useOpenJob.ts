import { nextTick, watch } from 'vue'
import { useI18n } from 'vue-i18n'
import { useQueryParam } from '../useQueryParam'
import { useToasts } from '../useToasts'
import { useSora } from './useSora'

/** Brings the job whose number stands in the address (`?job=…`) into view, however old it is. `beforeShown` makes
 * what stands above it, so that it stays where it is brought to. */
export function useOpenJob({ beforeShown }: { beforeShown: () => void }) {
  const { timeline } = useSora()
  const toasts = useToasts()
  const { t } = useI18n()
  const job = useQueryParam('job')

  async function show(id: number) {
    if (!timeline.items.has(id)) await timeline.refreshOne(id).catch(() => undefined)
    if (Number(job.value) !== id) return
    if (!timeline.items.has(id)) {
      job.value = ''
      toasts.show({ tone: 'warn', text: t('sora.gone') })
      return
    }
    // Its card first, which may have to wait its turn; then what is in it.
    await nextTick()
    beforeShown()
    await nextTick()
    const card = document.getElementById(`job-${id}`)
    card?.scrollIntoView({ block: 'center' })
    card?.focus({ preventScroll: true })
  }

  watch(
    () => (timeline.loaded.value ? Number(job.value) : 0),
    (id) => id > 0 && void show(id),
    { immediate: true, flush: 'post' },
  )
}
