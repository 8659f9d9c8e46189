import { onScopeDispose, ref, shallowRef, toRef, watch } from 'vue'
import type { Page } from '@/api/types'
import { useFilters, type FilterOptions, type Filters } from './useFilters'
import { useReread } from './useReread'

export type ListQuery<F extends Filters = { q: string }> = F & { page: number; page_size: number }

export interface ListOptions<F extends Filters> extends FilterOptions<F> {
  /** The filters, as they are where nothing is chosen. */
  none: F
  pageSize?: number
  /** All rows are here, so that these choose among them and nothing is asked for. */
  here?: readonly (keyof F | 'page')[]
}

/** One page of a list, filtered; by what the address says (useFilters). A slow answer never replaces a newer one. */
export function useList<T, F extends Filters>(
  fetchPage: (query: ListQuery<F>) => Promise<Page<T>>,
  { none, pageSize = 50, here = [], ...options }: ListOptions<F>,
) {
  const { filter, asked, page } = useFilters(none, options)
  const rows = shallowRef<T[]>([])
  const total = ref(0)
  const loading = ref(false)
  const loaded = ref(false)
  const error = ref<unknown>(null)
  let turn = 0

  async function reload() {
    const mine = ++turn
    loading.value = true
    // Over rows that stand there it stays until an answer comes.
    if (!loaded.value) error.value = null
    try {
      const answer = await fetchPage({ ...asked.value.words, page: page.value, page_size: pageSize })
      if (mine !== turn) return
      // The last of a page was deleted: the one before it is the last now.
      const last = Math.max(1, Math.ceil(answer.total / pageSize))
      if (!here.includes('page') && answer.data.length === 0 && page.value > last) return void (page.value = last)
      rows.value = answer.data
      total.value = answer.total
      error.value = null
      loaded.value = true
    } catch (caught) {
      if (mine === turn) error.value = caught
    } finally {
      if (mine === turn) loading.value = false
    }
  }

  function question(): string {
    const words = Object.entries({ ...asked.value.words, page: page.value })
    return JSON.stringify(words.filter(([name]) => !here.includes(name)))
  }
  watch(question, () => void reload())
  // What comes later must not turn another view's pages.
  onScopeDispose(() => ++turn)
  useReread(() => void ((loaded.value || error.value) && reload()))

  return { rows, total, page, pageSize, filter, loading, loaded, error, reload }
}

/** A list with a search and no other filter. */
export function useSearchedList<T>(fetchPage: (query: ListQuery) => Promise<Page<T>>) {
  const list = useList(fetchPage, { none: { q: '' }, typed: ['q'] })
  return { ...list, search: toRef(list.filter, 'q') }
}
