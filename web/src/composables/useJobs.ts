import { onScopeDispose, ref, shallowRef } from 'vue'
import { allRows, useApi } from '@/api'
import type { Account, User } from '@/api/types'
import { useList } from './useList'

export const jobStatuses = ['pending', 'generating', 'completed', 'failed', 'cancelled'] as const
export const jobKinds = ['studio', 'chat', 'video', 'image'] as const
export const jobTimes = ['any', '1h', '24h', '7d'] as const
const hours = { any: 0, '1h': 1, '24h': 24, '7d': 168 }
const refreshMs = 10_000

export type JobFilter = {
  status: (typeof jobStatuses)[number] | 'all'
  kind: (typeof jobKinds)[number] | ''
  /** An account's number. */
  account: string
  model: string
  time: (typeof jobTimes)[number]
  /** An e-mail address, or the part of one that only one person has. */
  user: string
}

const none: JobFilter = { status: 'all', kind: '', account: '', model: '', time: 'any', user: '' }
const choices = { status: jobStatuses, kind: jobKinds, time: jobTimes, account: /^[1-9]\d{0,14}$/ }

/** Everybody's jobs, filtered; kept fresh while the first page is in view. */
export function useJobs() {
  const api = useApi().admin
  const people = shallowRef<User[]>([])
  const accounts = shallowRef<Account[]>([])
  /** Nobody, or more than one, has what was typed. */
  const unknown = ref(false)

  /** The person who is meant, undefined where that is not one. What a slow answer says of words that stand there no
   * more is not shown. */
  async function personId(typed: string): Promise<number | null | undefined> {
    const found = typed ? (await api.users.list({ q: typed, page_size: 10 })).data : []
    const person = found.find((user) => user.email === typed) ?? (found.length === 1 ? found[0] : undefined)
    if (typed === list.filter.user.trim().toLowerCase()) {
      people.value = found
      unknown.value = typed !== '' && !person
    }
    return typed ? person?.id : null
  }

  const list = useList(
    async ({ page, page_size, status, kind, account, model, time, user }) => {
      const user_id = await personId(user.toLowerCase())
      if (user_id === undefined) return { data: [], total: 0, page: 1, page_size }
      return api.jobs({
        page,
        page_size,
        status: status === 'all' ? '' : status,
        kind,
        account_id: account,
        model,
        since: time === 'any' ? '' : new Date(Date.now() - hours[time] * 3_600_000).toISOString(),
        user_id,
      })
    },
    { none, choices, typed: ['user', 'model'] },
  )

  const timer = setInterval(() => {
    if (!document.hidden && list.loaded.value && !list.loading.value && list.page.value === 1) void list.reload()
  }, refreshMs)
  onScopeDispose(() => clearInterval(timer))

  async function loadAccounts() {
    accounts.value = await allRows(api.accounts.list).catch(() => [])
  }

  return { ...list, people, accounts, unknown, loadAccounts }
}
