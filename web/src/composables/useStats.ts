import { onScopeDispose, ref, shallowRef, toRef, watch } from 'vue'
import { useApi } from '@/api'
import { generatingQuery, statsQuery } from '@/api/admin'
import type { Job, Stats, StatsPeriod, StorageStatus } from '@/api/types'
import { s3Advice, type S3Advice } from '@/lib/s3'
import { useFilters } from './useFilters'
import { useReread } from './useReread'

export const statsRefreshMs = 15_000
export const statsPeriods = ['24h', '7d', '30d'] as const satisfies StatsPeriod[]
const none: { period: StatsPeriod } = { period: '24h' }

/** The administrators' overview, kept fresh while the page is in view. A slow answer never replaces a newer one. */
export function useStats() {
  const api = useApi()
  const period = toRef(useFilters(none, { choices: { period: statsPeriods } }).filter, 'period')
  const stats = shallowRef<Stats | null>(null)
  const running = shallowRef<Job[]>([])
  const store = shallowRef<StorageStatus | null>(null)
  const bucket = ref<S3Advice>(null)
  const loading = ref(false)
  const error = ref<unknown>(null)
  let turn = 0

  /** Only where the store is off are the settings asked what it could be, and where it is silent, why. */
  async function adviceOf(status: StorageStatus | null): Promise<S3Advice> {
    if (!status || status.s3_healthy) return null
    return api.admin.settings.get().then(s3Advice, () => null)
  }

  async function reload() {
    const mine = ++turn
    loading.value = true
    try {
      const [overview, jobs, status] = await Promise.all([
        api.admin.stats(statsQuery(period.value)),
        api.admin.jobs(generatingQuery),
        api.sora.storageStatus().catch(() => null),
      ])
      const advice = await adviceOf(status)
      if (mine !== turn) return
      bucket.value = advice
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
  useReread(() => void ((stats.value || error.value) && reload()))
  const timer = setInterval(() => {
    if (!document.hidden && stats.value && !loading.value) void reload()
  }, statsRefreshMs)
  onScopeDispose(() => clearInterval(timer))

  return { period, stats, running, store, bucket, loading, error, reload }
}
