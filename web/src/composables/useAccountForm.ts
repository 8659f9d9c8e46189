import { computed, reactive, ref, watch } from 'vue'
import { useI18n } from 'vue-i18n'
import { ApiError, useApi } from '@/api'
import type { Account, AccountType, TestResult } from '@/api/types'
import {
  buildAccount,
  checkAccount,
  dialectOf,
  emptyForm,
  formOf,
  type AccountForm,
} from '@/components/account/credentialsBuilder'
import { useErrorText } from './useErrorText'
import { useSubmit } from './useSubmit'

/** The server's names of fields → ours, so that its refusals stand beside the field. */
const serverFields: Record<string, keyof AccountForm> = {
  name: 'name',
  base_url: 'baseUrl',
  'credentials.base_url': 'baseUrl',
  api_key: 'apiKey',
  'credentials.api_key': 'apiKey',
  issuer: 'issuer',
  authorize_url: 'authorizeUrl',
  token_url: 'tokenUrl',
  client_id: 'clientId',
  client_secret: 'clientSecret',
  scopes: 'scopes',
  redirect_uri: 'redirectUri',
  access_token: 'accessToken',
  refresh_token: 'refreshToken',
  grant: 'grant',
  priority: 'priority',
  concurrency: 'concurrency',
  proxy_url: 'proxyUrl',
  ca_pem: 'caPem',
  models: 'models',
  model_mapping: 'mapping',
}

/** One account being made or changed: fields, what is wrong with them, the test and the submission. */
export function useAccountForm(known: () => Account | null, done: (account: Account) => void) {
  const api = useApi().admin.accounts
  const errorText = useErrorText()
  const { t } = useI18n()
  const form = reactive<AccountForm>(emptyForm())
  const touched = reactive(new Set<keyof AccountForm>())
  const result = ref<TestResult | null>(null)
  const testing = ref(false)

  const storedUrl = () => {
    const account = known()
    return account && String(account.credentials?.base_url ?? '')
  }
  const problems = computed(() => checkAccount(form, storedUrl()))
  const valid = computed(() => Object.keys(problems.value).length === 0)

  const { busy, error, submit } = useSubmit(async () => {
    const account = known()
    const body = buildAccount(form)
    done(account ? await api.update(account.id, body) : await api.create(body))
  })

  const refusedField = computed(() => {
    const field = error.value instanceof ApiError ? String(error.value.details.field ?? '') : ''
    return serverFields[field]
  })

  /** What to show below a field: the server's refusal, else our own once the field was left. */
  function problem(field: keyof AccountForm): string | null {
    if (refusedField.value === field) return errorText(error.value)
    const found = problems.value[field]
    return found && touched.has(field) ? t(`problem.${found.key}`, found.values ?? {}) : null
  }

  const generalError = computed(() => (error.value && !refusedField.value ? errorText(error.value) : null))

  function touch(field: keyof AccountForm) {
    touched.add(field)
  }

  function touchAll() {
    for (const field of Object.keys(problems.value) as (keyof AccountForm)[]) touched.add(field)
  }

  /** `groupIds`: where a new account begins; without a group, people of the default group could not use it. */
  function open(groupIds: number[] = []) {
    const account = known()
    Object.assign(form, account ? formOf(account) : { ...emptyForm(), groupIds })
    touched.clear()
    result.value = null
    error.value = null
  }

  function setType(type: AccountType) {
    form.type = type
    // A field that was only left on the way to the other kind.
    touched.clear()
    if (!known()) form.dialect = dialectOf[type]
  }

  async function send() {
    touchAll()
    if (valid.value) await submit()
  }

  /** Tries what is typed, before it is kept; an edit without a new key uses the one the server has. */
  async function test() {
    touchAll()
    if (problems.value.baseUrl || problems.value.apiKey || problems.value.grant || testing.value) return
    testing.value = true
    result.value = null
    const account = known()
    const body = buildAccount(form)
    try {
      result.value = account ? await api.test(account.id, body) : await api.testDraft(body)
    } catch (caught) {
      result.value = { ok: false, latency_ms: 0, message: errorText(caught) }
    } finally {
      testing.value = false
    }
  }

  watch(
    () => [form.baseUrl, form.apiKey, form.dialect, form.grant, form.accessToken],
    () => (result.value = null),
  )
  watch(form, () => error.value && (error.value = null))

  return {
    known,
    form,
    problem,
    problems,
    valid,
    busy,
    generalError,
    result,
    testing,
    touch,
    open,
    setType,
    send,
    test,
  }
}

export type AccountFormState = ReturnType<typeof useAccountForm>
