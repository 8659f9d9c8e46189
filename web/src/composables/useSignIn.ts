import { ref, watch } from 'vue'
import { ApiError, useApi } from '@/api'
import type { Account, SignInBegun } from '@/api/types'
import { buildClient, type AccountForm } from '@/components/account/credentialsBuilder'

/** An administrator signs in at an upstream: the link, what is pasted, and the grant in the form. */
export function useSignIn(form: AccountForm, known: () => Account | null) {
  const api = useApi().admin.accounts
  const begun = ref<SignInBegun | null>(null)
  const pasted = ref('')
  const busy = ref(false)
  const error = ref<unknown>(null)

  async function run<T>(work: () => Promise<T>): Promise<T | null> {
    if (busy.value) return null
    busy.value = true
    error.value = null
    try {
      return await work()
    } catch (caught) {
      error.value = caught
      return null
    } finally {
      busy.value = false
    }
  }

  /** The address to open: one that is still good for this form, or a new one. */
  function link(): Promise<string | null> {
    const { value } = begun
    if (value && Date.parse(value.expires_at) > Date.now() + 60_000) return Promise.resolve(value.authorize_url)
    return run(async () => {
      const account = known()
      begun.value = await api.authorizeUrl({
        ...(account ? { account_id: account.id } : {}),
        credentials: buildClient(form),
        proxy_url: form.proxyUrl.trim() || null,
        ca_pem: form.caPem.trim() || null,
      })
      // It came from another link.
      pasted.value = ''
      return begun.value.authorize_url
    })
  }

  async function exchange() {
    const code = pasted.value.trim()
    // Enter is a change too.
    if (!code || !begun.value || busy.value) return
    const { state } = begun.value
    const given = await run(() => api.exchange({ code, state }))
    if (given) form.grant = given.grant
    // What was sent as a code is good once; what was none has not been sent.
    else if (!(error.value instanceof ApiError && error.value.code === 'oauth_code_invalid')) begun.value = null
  }

  // A link is for the client that it was made for.
  watch(
    () => JSON.stringify([buildClient(form), form.proxyUrl, form.caPem]),
    () => {
      begun.value = null
      form.grant = ''
      pasted.value = ''
    },
  )

  return { begun, pasted, busy, error, link, exchange }
}
