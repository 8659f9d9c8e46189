import { computed, onScopeDispose, toRef } from 'vue'
import { allRows, largestPage, useApi } from '@/api'
import type { Account } from '@/api/types'
import { useClock } from './useClock'
import { useList } from './useList'

export type AccountState = 'active' | 'cooling' | 'error' | 'disabled'
export const accountStates: AccountState[] = ['active', 'cooling', 'error', 'disabled']

const refreshMs = 5000

/** When an account takes jobs again; 0 where it is not cooling down. */
export function coolUntil(account: Account): number {
  return Math.max(Date.parse(account.rate_limited_until ?? '') || 0, Date.parse(account.overloaded_until ?? '') || 0)
}

export function accountState(account: Account, now: number): AccountState {
  if (account.status !== 'active') return account.status
  return coolUntil(account) > now ? 'cooling' : 'active'
}

const none: { q: string; state: AccountState | 'all' } = { q: '', state: 'all' }

/** All upstream accounts, as their states are counted over them; their figures kept fresh while the page is in
 * view, and shown page by page. */
export function useAccounts() {
  const api = useApi().admin.accounts
  const clock = useClock()
  const list = useList(
    async ({ q }) => {
      const data = await allRows(api.list, { q })
      return { data, total: data.length, page: 1, page_size: data.length }
    },
    { none, choices: { state: accountStates }, typed: ['q'], here: ['state', 'page'] },
  )
  const { pageSize } = list
  const state = toRef(list.filter, 'state')

  const withState = computed(() =>
    list.rows.value.map((account) => ({ account, state: accountState(account, clock.now.value) })),
  )
  const found = computed(() => withState.value.filter((row) => state.value === 'all' || row.state === state.value))
  /** Not past the last page, which may have gone. */
  const page = computed({
    get: () => Math.min(list.page.value, Math.max(1, Math.ceil(found.value.length / pageSize))),
    set: (next) => (list.page.value = next),
  })
  const shown = computed(() => found.value.slice((page.value - 1) * pageSize, page.value * pageSize))
  const counts = computed(() =>
    Object.fromEntries(
      accountStates.map((state) => [state, withState.value.filter((row) => row.state === state).length]),
    ),
  )

  // What takes more questions is asked for as much less often.
  let ticks = 0
  const timer = setInterval(() => {
    const every = Math.max(1, Math.ceil(list.total.value / largestPage))
    if (!document.hidden && list.loaded.value && !list.loading.value && ++ticks % every === 0) void list.reload()
  }, refreshMs)
  onScopeDispose(() => clearInterval(timer))

  async function after<T>(work: Promise<T>): Promise<T> {
    const value = await work
    await list.reload()
    return value
  }

  return {
    ...list,
    page,
    state,
    search: toRef(list.filter, 'q'),
    found,
    shown,
    counts,
    test: (account: Account) => api.test(account.id),
    reset: (account: Account) => after(api.reset(account.id)),
    setActive: (account: Account, active: boolean) =>
      after(api.update(account.id, { status: active ? 'active' : 'disabled' })),
    remove: (account: Account) => after(api.remove(account.id)),
  }
}
