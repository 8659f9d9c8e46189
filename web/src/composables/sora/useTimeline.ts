import { computed, onScopeDispose, reactive, ref } from 'vue'
import { ApiError, largestPage, type Api } from '@/api'
import { newestQuery, runningQuery } from '@/api/sora'
import type { Generation } from '@/api/types'
import { isRunning, newestFirst } from '@/lib/generation'
import type { Clock } from '../useClock'
import type { LiveEvents } from '../useEvents'
import { usePolling } from '../usePolling'

export interface TimelineOptions {
  api: Api['sora']
  events: LiveEvents
  clock: Clock
  /** A job that was seen running has ended. */
  onEnd: (generation: Generation) => void
}

const pageSize = newestQuery.page_size!

function rank(generation: Generation): number {
  if (generation.status === 'pending') return 0
  return generation.status === 'generating' ? 1 : 2
}

/** The newer of two accounts of one job: states only go forward, and so does progress. */
export function mergeGeneration(known: Generation | undefined, next: Generation): Generation {
  if (!known || rank(next) > rank(known)) return next
  if (rank(next) < rank(known)) return known
  const progress = next.status === 'generating' ? Math.max(known.progress ?? 0, next.progress ?? 0) : next.progress
  return { ...next, progress: progress === 0 ? next.progress : progress }
}

/** When a running job is expected to end; an estimate may come closer, never move away. */
export function nextDeadline(known: number | undefined, generation: Generation, now: number): number | undefined {
  if (!isRunning(generation)) return undefined
  let rest = generation.eta_seconds == null ? null : generation.eta_seconds * 1000
  const progress = generation.progress ?? 0
  if (rest === null && generation.started_at && progress >= 5) {
    rest = ((now - Date.parse(generation.started_at)) * (100 - progress)) / progress
  }
  if (rest === null) return known
  return Math.min(known ?? Number.POSITIVE_INFINITY, now + rest)
}

/** One person's jobs and works, newest first, kept up to date by events and, where they do not come, by asking. */
export function useTimeline({ api, events, clock, onEnd }: TimelineOptions) {
  const items = reactive(new Map<number, Generation>())
  const deadlines = reactive(new Map<number, number>())
  const hidden = reactive(new Set<number>())
  const updatedAt = ref(0)
  const loading = ref(false)
  const loaded = ref(false)
  const error = ref<unknown>(null)
  const total = ref(0)
  const page = ref(0)

  const list = computed(() => [...items.values()].filter((item) => !hidden.has(item.id)).sort(newestFirst))
  const running = computed(() => [...items.values()].filter(isRunning))
  const hasMore = computed(() => loaded.value && page.value * pageSize < total.value)

  const polling = usePolling({
    wanted: () => running.value.some((item) => item.id > 0),
    silentFor: () =>
      Math.min(events.silentFor(), events.connected.value ? clock.read() - updatedAt.value : Number.POSITIVE_INFINITY),
    poll: pollRunning,
  })

  function put(next: Generation) {
    const known = items.get(next.id)
    const merged = mergeGeneration(known, next)
    // The same once more would draw its card once more.
    if (!known || JSON.stringify(known) !== JSON.stringify(merged)) items.set(next.id, merged)
    const phase = known?.status === merged.status ? deadlines.get(next.id) : undefined
    const deadline = nextDeadline(phase, merged, clock.read())
    if (deadline === undefined) deadlines.delete(next.id)
    else deadlines.set(next.id, deadline)
    updatedAt.value = clock.read()
    if (!known && isRunning(merged)) polling.restart()
    if (known && isRunning(known) && !isRunning(merged)) onEnd(merged)
  }

  function drop(id: number) {
    items.delete(id)
    deadlines.delete(id)
    hidden.delete(id)
  }

  async function refreshOne(id: number) {
    try {
      put(await api.get(id))
    } catch (caught) {
      if (caught instanceof ApiError && caught.status === 404) drop(id)
      else throw caught
    }
  }

  async function pollRunning() {
    await Promise.all(running.value.filter((item) => item.id > 0).map((item) => refreshOne(item.id)))
    updatedAt.value = clock.read()
  }

  let asked = false
  /** Everything that runs and the first page: what a reload, another tab or a lost connection needs. */
  async function refresh() {
    asked = true
    loading.value = true
    error.value = null
    try {
      const [active, first] = await Promise.all([api.list(runningQuery), api.list(newestQuery)])
      const known = running.value.map((item) => item.id)
      for (const item of [...first.data, ...active.data]) put(item)
      const still = new Set(active.data.map((item) => item.id))
      await Promise.all(known.filter((id) => id > 0 && !still.has(id)).map(refreshOne))
      total.value = first.total
      page.value = Math.max(page.value, 1)
      loaded.value = true
      updatedAt.value = clock.read()
      polling.restart()
    } catch (caught) {
      error.value = caught
    } finally {
      loading.value = false
    }
  }

  /** All that stands here, as the server puts it now: its sentences are in the language they were asked for in. */
  async function reread() {
    const before = [...items]
    await refresh()
    if (error.value) return
    for (let n = 1; page.value > 1 && n <= Math.ceil((page.value * pageSize) / largestPage); n++) {
      for (const item of (await api.list({ page: n, page_size: largestPage })).data) put(item)
    }
    // Those that have moved meanwhile, or were opened by their address.
    const left = before.filter(([id, item]) => id > 0 && item.error_message && items.get(id) === item)
    await Promise.all(left.map(([id]) => refreshOne(id)))
  }

  async function loadMore() {
    if (loading.value || !hasMore.value) return
    loading.value = true
    try {
      const next = await api.list({ page: page.value + 1, page_size: pageSize })
      page.value += 1
      total.value = next.total
      for (const item of next.data) put(item)
    } finally {
      loading.value = false
    }
  }

  /** While a submission is on its way its card stands in; the event of the job it becomes must not stand beside it. */
  let sending = 0
  const early = new Map<number, Generation>()

  function whileSending(): () => void {
    sending += 1
    return () => {
      sending -= 1
      if (sending > 0) return
      early.forEach(put)
      early.clear()
    }
  }

  onScopeDispose(
    events.on('generation', (data) => {
      const next = data as Generation & { deleted?: boolean }
      if (next.deleted) {
        early.delete(next.id)
        drop(next.id)
      } else if (sending > 0 && !items.has(next.id)) {
        early.set(next.id, next)
      } else {
        put(next)
        // Events speak the browser's language; a sentence is asked for in the page's.
        if (next.error_message) void refreshOne(next.id).catch(() => undefined)
      }
    }),
  )
  onScopeDispose(events.onMissed(() => void (asked && refresh())))

  return {
    items,
    list,
    running,
    deadlines,
    hidden,
    updatedAt,
    loading,
    loaded,
    error,
    hasMore,
    put,
    drop,
    whileSending,
    refresh,
    reread,
    refreshOne,
    loadMore,
  }
}

export type Timeline = ReturnType<typeof useTimeline>
