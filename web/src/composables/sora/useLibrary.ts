import { computed, onScopeDispose, reactive, ref, shallowRef, watch, type Ref } from 'vue'
import { ApiError, useApi } from '@/api'
import { libraryPageSize, libraryQuery, type WorkKind } from '@/api/sora'
import type { Generation } from '@/api/types'
import { newestFirst } from '@/lib/generation'
import { useEvents } from '../useEvents'
import { useReread } from '../useReread'
import { useSora } from './useSora'

export const libraryFilters: readonly WorkKind[] = ['all', 'video', 'image']

const kept = ['s3', 'local']

/** The works that are stored here, page by page; links are fresh with every visit.
 * A list may be tens of thousands long: it is replaced as a whole, never watched inside. */
export function useLibrary(filter: Ref<WorkKind>, search: Ref<string>) {
  const api = useApi().sora
  const { timeline, onRemoved } = useSora()
  const events = useEvents()

  const items = shallowRef<Generation[]>([])
  const known = new Set<number>()
  const totals = reactive<Record<WorkKind, number>>({ all: 0, video: 0, image: 0 })
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
  const counts = computed<Record<WorkKind, number>>(() => {
    const hidden = new Set(timeline.hidden)
    const gone = hidden.size ? items.value.filter((item) => hidden.has(item.id)) : []
    const less = (kind: WorkKind) =>
      totals[kind] - gone.filter((item) => kind === 'all' || item.media_type === kind).length
    return { all: less('all'), video: less('video'), image: less('image') }
  })

  const words = () => search.value.trim()

  /** How many there are of a kind, unless other words are searched for by now. */
  function note(kind: WorkKind, q: string, total: number) {
    if (q === words()) totals[kind] = total
  }

  async function count(kind: WorkKind) {
    const q = words()
    note(kind, q, (await api.list(libraryQuery(kind, q, 1, 1))).total)
  }

  const loadCounts = (kinds = libraryFilters) => Promise.allSettled(kinds.map(count))
  const recount = () => void loadCounts()
  /** Of the kind that is shown, the list itself tells. */
  const countOthers = () => loadCounts(libraryFilters.filter((kind) => kind !== filter.value))

  function add(works: Generation[]) {
    const fresh = works.filter((work) => !known.has(work.id))
    for (const { id } of fresh) known.add(id)
    if (fresh.length) items.value = [...items.value, ...fresh]
  }

  /** What the works that stand here are an answer to. */
  let question = ''

  function clear() {
    items.value = []
    known.clear()
  }

  async function loadPage(fresh: boolean) {
    const kind = filter.value
    const q = words()
    const asked = `${kind} ${q}`
    const anew = fresh || asked !== question
    if (!anew && loading.value) return
    const mine = anew ? ++visit : visit
    loading.value = true
    error.value = null
    try {
      // By what is here, not by what was asked: after a deletion the next page begins earlier.
      const page = anew ? 1 : Math.floor(items.value.length / libraryPageSize) + 1
      const answer = await api.list(libraryQuery(kind, q, page))
      note(kind, q, answer.total)
      if (mine !== visit) return
      if (anew) clear()
      question = asked
      add(answer.data)
      // Totals are counted to a bound; a page that is full may have another behind it.
      hasMore.value = answer.data.length === libraryPageSize
      loaded.value = true
    } catch (caught) {
      if (mine !== visit) return
      error.value = caught
      if (asked === question) return
      clear()
      loaded.value = false
    } finally {
      if (mine === visit) loading.value = false
    }
  }

  async function reload() {
    await Promise.all([loadPage(true), countOthers()])
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
    if (known.has(work.id) || words()) return
    if (filter.value !== 'all' && filter.value !== work.media_type) return
    known.add(work.id)
    const at = items.value.findIndex((item) => newestFirst(work, item) < 0)
    items.value = at < 0 ? [...items.value, work] : items.value.toSpliced(at, 0, work)
  }

  /** What came while nobody told of it. */
  async function catchUp() {
    if (!loaded.value) return
    const [kind, q, mine] = [filter.value, words(), visit]
    const [newest] = await Promise.all([api.list(libraryQuery(kind, q)).catch(() => null), countOthers()])
    if (!newest || mine !== visit) return
    newest.data.forEach(insert)
    note(kind, q, newest.total)
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
