import { computed, shallowRef, watch, type Ref } from 'vue'
import { useI18n } from 'vue-i18n'
import { useRouter } from 'vue-router'
import { useApi } from '@/api'
import type { Generation } from '@/api/types'
import { cardState } from '@/lib/generation'
import { useQueryParam } from '../useQueryParam'
import { useToasts } from '../useToasts'
import { useClock } from '../useClock'

/** The work whose number stands in the address, and those beside it. A work that the list does not
 * hold is asked for by itself; one that is not stored here is shown where it is, in the timeline. */
export function useOpenWork(list: Readonly<Ref<readonly Generation[]>>, loaded: Readonly<Ref<boolean>>) {
  const api = useApi().sora
  const router = useRouter()
  const toasts = useToasts()
  const clock = useClock()
  const { t } = useI18n()
  const opened = useQueryParam('work', { push: true })
  const single = shallowRef<Generation | null>(null)

  const id = computed<number | null>({
    get: () => Number(opened.value) || null,
    set: (value) => (opened.value = value === null ? '' : String(value)),
  })
  const listed = computed(() => list.value.some((item) => item.id === id.value))
  const items = computed(() => (!listed.value && single.value?.id === id.value ? [single.value!] : list.value))

  async function find(wanted: number) {
    const work = await api.get(wanted).catch(() => null)
    if (id.value !== wanted) return
    if (!work) {
      id.value = null
      toasts.show({ tone: 'warn', text: t('library.gone') })
    } else if (['saved', 'local'].includes(cardState(work, clock.read()))) {
      single.value = work
    } else {
      void router.replace({ name: 'sora', query: { job: String(wanted) } })
    }
  }

  watch(
    () => (loaded.value && !listed.value ? id.value : null),
    (wanted) => wanted !== null && void find(wanted),
    { immediate: true },
  )

  return { id, items }
}
