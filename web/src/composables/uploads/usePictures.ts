import { ref, shallowRef } from 'vue'
import { useApi } from '@/api'
import type { Upload, UploadSubType } from '@/api/types'
import { uploadId } from './useShelves'

const pageSize = 60

interface Source {
  sub_type?: UploadSubType
  page: number
  ended: boolean
}

/** One's own pictures to choose from, page by page and in each the newest first; `references`: those, too, that
 * were sent with a prompt, which the list of all does not hold. */
export function usePictures(references: () => boolean) {
  const api = useApi().uploads
  const items = shallowRef<Upload[]>([])
  const loaded = ref(false)
  const loading = ref(false)
  const error = ref<unknown>(null)
  const hasMore = ref(false)
  let sources: Source[] = []
  let visit = 0

  async function nextPage(): Promise<Upload[]> {
    const asked = sources.filter((source) => !source.ended)
    const answers = await Promise.all(
      asked.map(({ sub_type, page }) => api.list({ sub_type, page: page + 1, page_size: pageSize })),
    )
    for (const [n, source] of asked.entries()) {
      source.page += 1
      source.ended = answers[n]!.data.length < pageSize
    }
    const known = new Set(items.value.map(uploadId))
    return answers
      .flatMap((answer) => answer.data)
      .filter((item) => item.mime.startsWith('image/') && !known.has(uploadId(item)))
      .sort((a, b) => b.created_at.localeCompare(a.created_at))
  }

  async function next() {
    const mine = visit
    loading.value = true
    error.value = null
    try {
      // A page may hold nothing but videos.
      let found: Upload[]
      do found = await nextPage()
      while (mine === visit && !found.length && sources.some((source) => !source.ended))
      if (mine !== visit) return
      items.value = [...items.value, ...found]
      hasMore.value = sources.some((source) => !source.ended)
      loaded.value = true
    } catch (caught) {
      if (mine === visit) error.value = caught
    } finally {
      if (mine === visit) loading.value = false
    }
  }

  /** The next page, once at a time. */
  async function more() {
    if (!loading.value) await next()
  }

  /** From the newest again. */
  async function reload() {
    visit += 1
    sources = [{ page: 0, ended: false }]
    if (references()) sources.push({ sub_type: 'reference', page: 0, ended: false })
    items.value = []
    loaded.value = false
    await next()
  }

  return { items, loaded, loading, error, hasMore, more, reload }
}
