import { computed, ref, watch, type Ref } from 'vue'
import { ApiError } from '@/api'
import { useErrorText } from './useErrorText'

type Texts<F extends string> = Partial<Record<F, string | false | null>>

export interface ProblemOptions<F extends string> {
  /** All that stands in the fields. */
  form: () => object
  /** What is wrong as soon as it is typed. */
  wrong: () => Texts<F>
  /** What is not there yet, which is said once someone has tried to go on without it. */
  missing: () => Texts<F>
  /** The server's names and codes → our fields, so that its refusals stand beside them. */
  refusals: Record<string, F>
  /** What the server said last. */
  error: Ref<unknown>
}

/** What stands below the fields of a form, and what of a refusal is about none of them. */
export function useProblems<F extends string>({ form, wrong, missing, refusals, error }: ProblemOptions<F>) {
  const errorText = useErrorText()
  const tried = ref(false)

  const refused = computed(() => {
    if (!(error.value instanceof ApiError)) return undefined
    return refusals[String(error.value.details.field ?? '')] ?? refusals[error.value.code]
  })

  function problem(field: F): string | null {
    if (refused.value === field) return errorText(error.value)
    return wrong()[field] || (tried.value && missing()[field]) || null
  }

  const general = computed(() => (error.value && !refused.value ? errorText(error.value) : null))

  /** Whether it may be sent; where it may not, every field says why from now on. */
  function attempt(): boolean {
    tried.value = true
    return ![...Object.values(wrong()), ...Object.values(missing())].some(Boolean)
  }

  function forgive() {
    tried.value = false
    error.value = null
  }

  // What was refused is not what stands there now.
  watch(form, () => (error.value = null))

  return { problem, general, attempt, forgive }
}
