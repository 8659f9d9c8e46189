import { defineStore } from 'pinia'
import { computed, ref, watch } from 'vue'
import { ApiError, useApi } from '@/api'
import { forgetFirst } from '@/api/first'
import { hasStudio } from '@/api/sora'
import type { Me, PublicSettings } from '@/api/types'
import { usePreferences } from './preferences'

const unknownSettings: PublicSettings = {
  sora_client_enabled: false,
  simple_mode: false,
  registration_enabled: false,
  language: 'zh',
  setup_required: false,
  version: '',
  site_name: '',
}

/** Who is signed in, and what this server offers. The session itself is a cookie that no script can read. */
export const useSession = defineStore('session', () => {
  const api = useApi()
  const preferences = usePreferences()
  const user = ref<Me | null>(null)
  const settings = ref<PublicSettings>(unknownSettings)
  const ready = ref(false)
  const failed = ref<ApiError | null>(null)

  const isAdmin = computed(() => user.value?.role === 'admin')
  const soraShown = computed(() => hasStudio(settings.value))

  function applySettings(next: PublicSettings) {
    settings.value = { ...settings.value, ...next }
    preferences.offerLanguage(settings.value.language)
  }

  /** Settings and person, once, before the first page. */
  async function load() {
    if (ready.value) return
    try {
      const nobody = (error: unknown) => {
        if (error instanceof ApiError && error.status === 401) return null
        throw error
      }
      const [offered, me] = await Promise.all([api.auth.settings(), api.auth.me().catch(nobody)])
      applySettings(offered)
      user.value = me
      failed.value = null
      ready.value = true
    } catch (error) {
      failed.value = error instanceof ApiError ? error : new ApiError(0, 'network', '')
    }
  }

  /** Asks again what this server offers; silence changes nothing. */
  async function refreshSettings() {
    await api.auth.settings().then(applySettings, () => undefined)
  }

  async function login(email: string, password: string) {
    user.value = (await api.auth.login(email, password)).user
  }

  async function register(email: string, password: string) {
    user.value = (await api.auth.register(email, password)).user
  }

  async function setUp(token: string, email: string, password: string) {
    user.value = (await api.auth.setup(token, email, password)).user
    settings.value = { ...settings.value, setup_required: false }
  }

  async function logout() {
    await api.auth.logout().catch(() => undefined)
    user.value = null
  }

  /** Asks whether the session still holds; a 401 ends it here as well. */
  async function check() {
    if (user.value) user.value = await api.auth.me().catch(() => user.value)
  }

  watch(
    () => user.value?.id,
    (_now, before) => before && forgetFirst(),
    { flush: 'sync' },
  )

  /** The server no longer knows this session. */
  function expire() {
    user.value = null
  }

  return {
    user,
    settings,
    ready,
    failed,
    isAdmin,
    soraShown,
    refreshSettings,
    load,
    login,
    register,
    setUp,
    logout,
    check,
    expire,
  }
})
