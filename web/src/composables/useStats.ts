import { onScopeDispose, ref, shallowRef, watch } from 'vue'
import { useApi } from '@/api'
import type { Job, Stats, StatsPeriod, StorageStatus } from '@/api/types'

export const statsRefreshMs = 15_000
const runningShown = 6

/** The administrators' overview, kept fresh while the page is in view. A slow answer never replaces a newer one. */
export function useStats() {
  const api = useApi()
  const period = ref<StatsPeriod>('24h')
  const stats = shallowRef<Stats | null>(null)
  const running = shallowRef<Job[]>([])
  const store = shallowRef<StorageStatus | null>(null)
  const loading = ref(false)
  const error = ref<unknown>(null)
  let turn = 0

  async function reload() {
    const mine = ++turn
    loading.value = true
    try {
      const [overview, jobs, status] = await Promise.all([
        api.admin.stats({ period: period.value, utc_offset: -new Date().getTimezoneOffset() }),
        api.admin.jobs({ status: 'generating', page_size: runningShown }),
        api.sora.storageStatus().catch(() => null),
      ])
      if (mine !== turn) return
      stats.value = overview
      running.value = jobs.data
      store.value = status
      error.value = null
    } catch (caught) {
      if (mine === turn) error.value = caught
    } finally {
      if (mine === turn) loading.value = false
    }
  }

  watch(period, reload)
  const timer = setInterval(() => {
    if (!document.hidden && stats.value && !loading.value) void reload()
  }, statsRefreshMs)
  onScopeDispose(() => clearInterval(timer))

  return { period, stats, running, store, loading, error, reload }
}
