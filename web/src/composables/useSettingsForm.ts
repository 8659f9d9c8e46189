import { computed, reactive, ref, watch } from 'vue'
import { useI18n } from 'vue-i18n'
import { ApiError, useApi } from '@/api'
import type { AdminSettings, ModelSetting, TestResult } from '@/api/types'
import {
  fromField,
  isUnreadable,
  knownGroups,
  sameValue,
  toField,
  type Draft,
  type Setting,
} from '@/components/admin/settingsTable'
import { s3Advice } from '@/lib/s3'
import { useSession } from '@/stores/session'
import { useErrorText } from './useErrorText'
import { useReread } from './useReread'
import { useSubmit } from './useSubmit'

/** The settings of this server: only what was changed is sent. */
export function useSettingsForm() {
  const api = useApi().admin.settings
  const session = useSession()
  const errorText = useErrorText()
  const { t, te } = useI18n()
  const stored = ref<AdminSettings>({})
  const draft = reactive<Draft>({})
  const loaded = ref(false)
  const loadError = ref<unknown>(null)
  const test = ref<TestResult | null>(null)
  const testing = ref(false)

  const groups = computed(() => knownGroups(stored.value))
  const all = computed(() => groups.value.flatMap((group) => group.settings))

  function take(values: AdminSettings) {
    stored.value = values
    for (const { key, kind } of all.value) draft[key] = toField(kind, values[key])
    loaded.value = true
  }

  async function load() {
    loadError.value = null
    try {
      take(await api.get())
    } catch (caught) {
      loadError.value = caught
    }
  }

  // What was changed and not saved yet stays.
  useReread(() => void (loadError.value && load()))

  function changed({ key, kind }: Setting): boolean {
    return !sameValue(draft[key], toField(kind, stored.value[key]))
  }

  const changes = computed<AdminSettings>(() =>
    Object.fromEntries(all.value.filter(changed).map(({ key, kind }) => [key, fromField(kind, draft[key] ?? null)])),
  )
  const dirty = computed(() => Object.keys(changes.value).length > 0)
  const unreadable = computed(() => all.value.filter(({ key, kind }) => isUnreadable(kind, draft[key] ?? '')))

  const { busy, error, submit } = useSubmit(async () => {
    if (unreadable.value.length) return
    await api.update(changes.value)
    take(await api.get())
    await session.refreshSettings()
  })

  // What was refused or tried is not what stands there now.
  watch(draft, () => error.value && (error.value = null))
  const s3Fields = computed(() => all.value.filter(({ key }) => key.startsWith('sora_s3_')))
  watch(
    () => s3Fields.value.map(({ key }) => draft[key]),
    (now, before) => before.length && now.some((value, n) => value !== before[n]) && (test.value = null),
  )

  function problem(key: string): string | null {
    const bad = unreadable.value.find((setting) => setting.key === key)
    if (bad) return t(bad.kind === 'pixels' ? 'settings.pixelsBad' : 'admin.quotaBad')
    const caught = error.value
    if (!(caught instanceof ApiError) || caught.details.field !== key) return null
    if (caught.code === 'url_forbidden') return t('settings.outOfReach')
    const ours = `settings.problem.${key}`
    return caught.code === 'invalid_field' && te(ours) ? t(ours) : errorText(caught)
  }

  const generalError = computed(() => {
    const caught = error.value
    if (!caught) return null
    const named = caught instanceof ApiError && all.value.some((setting) => setting.key === caught.details.field)
    return named ? null : errorText(caught)
  })

  /** Tries the S3 fields as they stand on the page, saved or not. */
  async function testS3() {
    if (testing.value) return
    testing.value = true
    test.value = null
    const s3 = s3Fields.value.filter(({ key, kind }) => kind !== 'secret' || draft[key] !== '')
    try {
      const found = await api.testS3(
        Object.fromEntries(s3.map(({ key, kind }) => [key, fromField(kind, draft[key] ?? '')])),
      )
      // The server says it to everybody; here is who can do something about it.
      test.value = found.code === 'storage_not_configured' ? { ...found, message: t('settings.s3Empty') } : found
    } catch (caught) {
      test.value = { ok: false, latency_ms: 0, message: errorText(caught) }
    } finally {
      testing.value = false
    }
  }

  /** What stands as long as the models are not one's own. */
  const builtInModels = computed(() => (stored.value.models_built_in ?? []) as ModelSetting[])

  const advice = computed(() => s3Advice({ ...stored.value, ...draft }))

  const isSet = (key: string) => stored.value[`${key}_set`] === true

  return {
    groups,
    draft,
    loaded,
    loadError,
    load,
    dirty,
    busy,
    error,
    submit,
    problem,
    generalError,
    test,
    testing,
    testS3,
    advice,
    isSet,
    builtInModels,
  }
}
