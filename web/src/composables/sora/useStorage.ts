import { computed, ref } from 'vue'
import { useApi } from '@/api'
import type { Quota, StorageStatus } from '@/api/types'
import { quotaUse } from '@/lib/quota'

/** Where works can be kept, and how much room there is. An answer that does not come leaves what was known. */
export function useStorage() {
  const api = useApi().sora
  const quota = ref<Quota | null>(null)
  const storage = ref<StorageStatus | null>(null)
  const canSave = computed(() => storage.value !== null && storage.value.s3_enabled && storage.value.s3_healthy)
  const noStorage = computed(() => storage.value !== null && !canSave.value && !storage.value.local_enabled)
  const full = computed(() => quotaUse(quota.value).full)

  const loadQuota = async () => void (quota.value = await api.quota().catch(() => quota.value))
  const loadStorage = async () => void (storage.value = await api.storageStatus().catch(() => storage.value))

  return { quota, canSave, noStorage, full, loadQuota, loadStorage }
}
