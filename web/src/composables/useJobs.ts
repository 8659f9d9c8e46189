import { onScopeDispose, reactive, ref, shallowRef, watch } from 'vue'
import { allRows, useApi } from '@/api'
import type { Account, User } from '@/api/types'
import { useList } from './useList'

export const jobStatuses = ['pending', 'generating', 'completed', 'failed', 'cancelled'] as const
export const jobKinds = ['studio', 'chat', 'video', 'image'] as const
export const jobTimes = ['any', '1h', '24h', '7d'] as const
const hours = { any: 0, '1h': 1, '24h': 24, '7d': 168 }
const refreshMs = 10_000
const typingMs = 250

export interface JobFilter {
  status: (typeof jobStatuses)[number] | 'all'
  kind: (typeof jobKinds)[number] | ''
  account_id: number
  model: string
  time: (typeof jobTimes)[number]
  /** An e-mail address, or the part of one that only one person has. */
  person: string
}

/** Everybody's jobs, filtered; kept fresh while the first page is in view. */
export function useJobs(first: Partial<JobFilter> = {}) {
  const api = useApi().admin
  const filter = reactive<JobFilter>({
    status: 'all',
    kind: '',
    account_id: 0,
    model: '',
    time: 'any',
    person: '',
    ...first,
  })
  const people = shallowRef<User[]>([])
  const accounts = shallowRef<Account[]>([])
  /** Nobody, or more than one, has what was typed. */
  const unknown = ref(false)

  async function personId(): Promise<number | null> {
    const typed = filter.person.trim().toLowerCase()
    unknown.value = false
    if (!typed) return null
    people.value = (await api.users.list({ q: typed, page_size: 10 })).data
    const found =
      people.value.find((user) => user.email === typed) ?? (people.value.length === 1 ? people.value[0] : null)
    unknown.value = !found
    return found?.id ?? null
  }

  const list = useList(async (query) => {
    const user_id = await personId()
    if (unknown.value) return { data: [], total: 0, page: 1, page_size: query.page_size }
    return api.jobs({
      page: query.page,
      page_size: query.page_size,
      status: filter.status === 'all' ? '' : filter.status,
      kind: filter.kind,
      account_id: filter.account_id || '',
      model: filter.model.trim(),
      since: filter.time === 'any' ? '' : new Date(Date.now() - hours[filter.time] * 3_600_000).toISOString(),
      user_id,
    })
  })

  function again() {
    if (list.page.value === 1) void list.reload()
    else list.page.value = 1
  }

  let pause: ReturnType<typeof setTimeout> | undefined
  watch(() => [filter.status, filter.kind, filter.account_id, filter.time], again)
  watch(
    () => [filter.person, filter.model],
    () => {
      clearTimeout(pause)
      pause = setTimeout(again, typingMs)
    },
  )
  const timer = setInterval(() => {
    if (!document.hidden && list.loaded.value && !list.loading.value && list.page.value === 1) void list.reload()
  }, refreshMs)
  onScopeDispose(() => {
    clearTimeout(pause)
    clearInterval(timer)
  })

  async function loadAccounts() {
    accounts.value = await allRows(api.accounts.list).catch(() => [])
  }

  return { ...list, filter, people, accounts, unknown, loadAccounts }
}
