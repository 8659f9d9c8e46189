import { computed, onScopeDispose, reactive, ref, shallowRef, watch, type Ref } from 'vue'
import { ApiError, useApi } from '@/api'
import type { Generation } from '@/api/types'
import { newestFirst } from '@/lib/generation'
import { useEvents } from '../useEvents'
import { useReread } from '../useReread'
import { useSora } from './useSora'

export const libraryFilters = ['all', 'video', 'image'] as const
export type LibraryFilter = (typeof libraryFilters)[number]

const pageSize = 50
const kept = ['s3', 'local']

/** The works that are stored here, page by page; links are fresh with every visit.
 * A list may be tens of thousands long: it is replaced as a whole, never watched inside. */
export function useLibrary(filter: Ref<LibraryFilter>, search: Ref<string>) {
  const api = useApi().sora
  const { timeline, onRemoved } = useSora()
  const events = useEvents()

  const items = shallowRef<Generation[]>([])
  const known = new Set<number>()
  const totals = reactive<Record<LibraryFilter, number>>({ all: 0, video: 0, image: 0 })
  const loading = ref(false)
  const loaded = ref(false)
  const error = ref<unknown>(null)
  const hasMore = ref(false)
  let visit = 0

  const list = computed(() => {
    const hidden = new Set(timeline.hidden)
    return hidden.size ? items.value.filter((item) => !hidden.has(item.id)) : items.value
  })

  /** Without those that wait for their undo. */
  const counts = computed<Record<LibraryFilter, number>>(() => {
    const hidden = new Set(timeline.hidden)
    const gone = hidden.size ? items.value.filter((item) => hidden.has(item.id)) : []
    const less = (kind: LibraryFilter) =>
      totals[kind] - gone.filter((item) => kind === 'all' || item.media_type === kind).length
    return { all: less('all'), video: less('video'), image: less('image') }
  })

  function query() {
    return { storage_type: kept.join(), status: 'completed', q: search.value.trim() }
  }

  async function loadCounts() {
    const base = { ...query(), page_size: 1 }
    const [all, video, image] = await Promise.all([
      api.list(base),
      api.list({ ...base, media_type: 'video' }),
      api.list({ ...base, media_type: 'image' }),
    ])
    Object.assign(totals, { all: all.total, video: video.total, image: image.total })
  }

  const recount = () => void loadCounts().catch(() => undefined)

  function add(works: Generation[]) {
    const fresh = works.filter((work) => !known.has(work.id))
    for (const { id } of fresh) known.add(id)
    if (fresh.length) items.value = [...items.value, ...fresh]
  }

  async function loadPage(fresh: boolean) {
    const mine = fresh ? ++visit : visit
    if (!fresh && loading.value) return
    loading.value = true
    error.value = null
    try {
      // By what is here, not by what was asked: after a deletion the next page begins earlier.
      const page = fresh ? 1 : Math.floor(items.value.length / pageSize) + 1
      const media_type = filter.value === 'all' ? '' : filter.value
      const answer = await api.list({ ...query(), media_type, page, page_size: pageSize })
      if (mine !== visit) return
      if (fresh) {
        items.value = []
        known.clear()
      }
      add(answer.data)
      // Totals are counted to a bound; a page that is full may have another behind it.
      hasMore.value = answer.data.length === pageSize
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

  function drop(id: number) {
    if (!known.delete(id)) return
    items.value = items.value.filter((item) => item.id !== id)
  }

  function replace(work: Generation) {
    items.value = items.value.map((item) => (item.id === work.id ? work : item))
  }

  /** A work that has just been finished, where its time puts it. */
  function insert(work: Generation) {
    if (known.has(work.id) || search.value.trim()) return
    if (filter.value !== 'all' && filter.value !== work.media_type) return
    known.add(work.id)
    const at = items.value.findIndex((item) => newestFirst(work, item) < 0)
    items.value = at < 0 ? [...items.value, work] : items.value.toSpliced(at, 0, work)
  }

  /** What came while nobody told of it. */
  async function catchUp() {
    if (!loaded.value) return
    const newest = await api.list({ ...query(), page: 1, page_size: pageSize }).catch(() => null)
    newest?.data.forEach(insert)
    recount()
  }
  onScopeDispose(events.onMissed(() => void catchUp()))
  useReread(() => void (error.value && loadPage(!loaded.value)))

  /** A link that no longer opens is asked for again, once a minute at most. */
  const renewed = new Map<number, number>()
  async function renew(id: number) {
    if (Date.now() - (renewed.get(id) ?? 0) < 60_000) return
    renewed.set(id, Date.now())
    try {
      replace(await api.get(id))
    } catch (caught) {
      if (caught instanceof ApiError && caught.status === 404) drop(id)
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
      if (next.deleted) drop(next.id)
      else if (next.status === 'completed' && kept.includes(next.storage_type) && !known.has(next.id)) insert(next)
      else return
      recount()
    }),
  )
  onScopeDispose(
    onRemoved((id) => {
      drop(id)
      recount()
    }),
  )

  return { list, counts, loading, loaded, error, hasMore, reload, loadMore: () => loadPage(false), renew }
}

export type Library = ReturnType<typeof useLibrary>
