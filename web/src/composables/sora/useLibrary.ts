import { computed, onScopeDispose, reactive, ref, watch } from 'vue'
import { ApiError, useApi } from '@/api'
import type { Generation } from '@/api/types'
import { newestFirst } from '@/lib/generation'
import { useEvents } from '../useEvents'
import { useSora } from './useSora'

export type LibraryFilter = 'all' | 'video' | 'image'

const pageSize = 40
const kept = 's3,local'

/** The works that are stored here, page by page; links are fresh with every visit. */
export function useLibrary() {
  const api = useApi().sora
  const { timeline, onRemoved } = useSora()
  const events = useEvents()

  const items = reactive(new Map<number, Generation>())
  const filter = ref<LibraryFilter>('all')
  const search = ref('')
  const counts = reactive<Record<LibraryFilter, number>>({ all: 0, video: 0, image: 0 })
  const total = ref(0)
  const loading = ref(false)
  const loaded = ref(false)
  const error = ref<unknown>(null)
  const page = ref(0)
  let visit = 0

  const list = computed(() => [...items.values()].filter((item) => !timeline.hidden.has(item.id)).sort(newestFirst))
  const hasMore = computed(() => loaded.value && page.value * pageSize < total.value)

  function query() {
    return {
      storage_type: kept,
      status: 'completed',
      q: search.value.trim(),
      media_type: filter.value === 'all' ? '' : filter.value,
    }
  }

  async function loadCounts() {
    const base = { storage_type: kept, status: 'completed', q: search.value.trim(), page_size: 1 }
    const [all, video, image] = await Promise.all([
      api.list(base),
      api.list({ ...base, media_type: 'video' }),
      api.list({ ...base, media_type: 'image' }),
    ])
    Object.assign(counts, { all: all.total, video: video.total, image: image.total })
  }

  async function loadPage(fresh: boolean) {
    const mine = fresh ? ++visit : visit
    if (!fresh && loading.value) return
    loading.value = true
    error.value = null
    try {
      const answer = await api.list({ ...query(), page: fresh ? 1 : page.value + 1, page_size: pageSize })
      if (mine !== visit) return
      if (fresh) items.clear()
      page.value = fresh ? 1 : page.value + 1
      total.value = answer.total
      for (const item of answer.data) items.set(item.id, item)
      loaded.value = true
    } catch (caught) {
      if (mine === visit) error.value = caught
    } finally {
      if (mine === visit) loading.value = false
    }
  }

  async function reload() {
    await Promise.all([loadPage(true), loadCounts().catch(() => undefined)])
  }

  /** A link that no longer opens is asked for again, once a minute at most. */
  const renewed = new Map<number, number>()
  async function renew(id: number) {
    if (Date.now() - (renewed.get(id) ?? 0) < 60_000) return
    renewed.set(id, Date.now())
    try {
      items.set(id, await api.get(id))
    } catch (caught) {
      if (caught instanceof ApiError && caught.status === 404) items.delete(id)
    }
  }

  let pause: ReturnType<typeof setTimeout> | undefined
  watch(filter, () => void loadPage(true))
  watch(search, () => {
    clearTimeout(pause)
    pause = setTimeout(() => void reload(), 250)
  })
  onScopeDispose(() => clearTimeout(pause))

  onScopeDispose(
    events.on('generation', (data) => {
      const next = data as Generation & { deleted?: boolean }
      if (next.deleted && items.delete(next.id)) void loadCounts().catch(() => undefined)
      else if (next.status === 'completed' && kept.includes(next.storage_type) && !items.has(next.id) && !search.value)
        void reload()
    }),
  )
  onScopeDispose(
    onRemoved((id) => {
      if (items.delete(id)) total.value -= 1
      void loadCounts().catch(() => undefined)
    }),
  )

  return {
    list,
    filter,
    search,
    counts,
    loading,
    loaded,
    error,
    hasMore,
    reload,
    loadMore: () => loadPage(false),
    renew,
  }
}

export type Library = ReturnType<typeof useLibrary>
