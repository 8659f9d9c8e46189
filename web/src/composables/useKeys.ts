import { ref } from 'vue'
import { useApi } from '@/api'
import type { ApiKey } from '@/api/types'
import { useList } from './useList'

/** One's own API keys. A new key's secret is shown once and kept nowhere. */
export function useKeys() {
  const api = useApi().keys
  const list = useList((query) => api.list(query.page), { none: {}, pageSize: 100 })
  const fresh = ref<ApiKey | null>(null)

  async function create(name: string, expires_at: string | null) {
    fresh.value = await api.create({ name, ...(expires_at ? { expires_at } : {}) })
    await list.reload()
  }

  async function setActive(key: ApiKey, active: boolean) {
    await api.update(key.id, { status: active ? 'active' : 'disabled' })
    await list.reload()
  }

  async function rename(key: ApiKey, name: string) {
    await api.update(key.id, { name })
    await list.reload()
  }

  async function remove(key: ApiKey) {
    await api.remove(key.id)
    await list.reload()
  }

  return { ...list, fresh, create, setActive, rename, remove }
}
