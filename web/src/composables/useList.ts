import { onScopeDispose, ref, shallowRef, watch } from 'vue'
import type { Page } from '@/api/types'
import { useReread } from './useReread'

export interface ListQuery {
  page: number
  page_size: number
  q: string
  [name: string]: string | number
}

/** One page of a list with search. A slow answer never replaces a newer one. */
export function useList<T>(fetchPage: (query: ListQuery) => Promise<Page<T>>, pageSize = 50) {
  const rows = shallowRef<T[]>([])
  const total = ref(0)
  const page = ref(1)
  const search = ref('')
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
      const answer = await fetchPage({ page: page.value, page_size: pageSize, q: search.value.trim() })
      if (mine !== turn) return
      // The last of a page was deleted: the one before it is the last now.
      const last = Math.max(1, Math.ceil(answer.total / pageSize))
      if (answer.data.length === 0 && page.value > last) return void (page.value = last)
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

  let pause: ReturnType<typeof setTimeout> | undefined
  watch(page, () => void reload())
  watch(search, () => {
    clearTimeout(pause)
    pause = setTimeout(() => {
      if (page.value === 1) void reload()
      else page.value = 1
    }, 250)
  })
  onScopeDispose(() => clearTimeout(pause))
  useReread(() => void ((loaded.value || error.value) && reload()))

  return { rows, total, page, pageSize, search, loading, loaded, error, reload }
}
