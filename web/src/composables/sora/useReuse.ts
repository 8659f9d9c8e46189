import { ref } from 'vue'
import { useI18n } from 'vue-i18n'
import type { Generation } from '@/api/types'
import { useToasts } from '../useToasts'
import type { Draft } from './useDraft'

/** Goes on with the prompt of an earlier job, and with its reference image where that is still at hand. */
export function useReuse(draft: Pick<Draft, 'prompt' | 'image'>) {
  const toasts = useToasts()
  const { t } = useI18n()

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

  return { references, referenceOf, promptWanted, reuse }
}
