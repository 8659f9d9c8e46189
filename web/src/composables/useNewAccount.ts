import { computed, ref } from 'vue'
import { useI18n } from 'vue-i18n'
import { useProblems } from './useProblems'
import { useSubmit } from './useSubmit'

export const minPasswordLength = 8

/** The form of a new person: address and password, checked as they are typed. */
export function useNewAccount(send: (email: string, password: string) => Promise<void>) {
  const { t } = useI18n()
  const email = ref('')
  const password = ref('')
  const { busy, error, submit } = useSubmit(() => send(email.value.trim(), password.value))
  const short = computed(() => password.value.length > 0 && password.value.length < minPasswordLength)
  const addressed = computed(() => email.value.includes('@'))
  const complete = computed(() => addressed.value && password.value.length >= minPasswordLength)
  const { problem, general } = useProblems<'email' | 'password'>({
    form: () => [email.value, password.value],
    wrong: () => ({
      // Whoever has come to the password has left the address.
      email: password.value && email.value.trim() && !addressed.value && t('problem.email'),
      password: short.value && t('auth.shortPassword', { n: minPasswordLength }),
    }),
    missing: () => ({}),
    refusals: { email: 'email', invalid_email: 'email', email_taken: 'email', password: 'password' },
    error,
  })
  const problems = computed(() => ({ email: problem('email'), password: problem('password') ?? general.value }))
  return { email, password, busy, complete, problems, submit }
}
