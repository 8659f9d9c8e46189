import { computed, ref } from 'vue'
import { useI18n } from 'vue-i18n'
import { useErrorText } from './useErrorText'
import { useSubmit } from './useSubmit'

export const minPasswordLength = 8

/** The form of a new person: address and password, checked as they are typed. */
export function useNewAccount(send: (email: string, password: string) => Promise<void>) {
  const { t } = useI18n()
  const errorText = useErrorText()
  const email = ref('')
  const password = ref('')
  const { busy, error, submit } = useSubmit(() => send(email.value.trim(), password.value))
  const short = computed(() => password.value.length > 0 && password.value.length < minPasswordLength)
  const complete = computed(() => email.value.includes('@') && password.value.length >= minPasswordLength)
  const problem = computed(() => {
    if (error.value) return errorText(error.value)
    return short.value ? t('auth.shortPassword', { n: minPasswordLength }) : null
  })
  return { email, password, busy, complete, problem, submit }
}
