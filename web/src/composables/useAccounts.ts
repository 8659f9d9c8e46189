import { computed, onScopeDispose, ref } from 'vue'
import { useApi } from '@/api'
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

/** The upstream accounts, their figures kept fresh while the page is in view. */
export function useAccounts() {
  const api = useApi().admin.accounts
  const clock = useClock()
  const list = useList((query) => api.list(query), 100)
  const filter = ref<AccountState | 'all'>('all')

  const withState = computed(() =>
    list.rows.value.map((account) => ({ account, state: accountState(account, clock.now.value) })),
  )
  const shown = computed(() => withState.value.filter((row) => filter.value === 'all' || row.state === filter.value))
  const counts = computed(() =>
    Object.fromEntries(
      accountStates.map((state) => [state, withState.value.filter((row) => row.state === state).length]),
    ),
  )

  const timer = setInterval(() => {
    if (!document.hidden && list.loaded.value && !list.loading.value) void list.reload()
  }, refreshMs)
  onScopeDispose(() => clearInterval(timer))

  async function after<T>(work: Promise<T>): Promise<T> {
    const value = await work
    await list.reload()
    return value
  }

  return {
    ...list,
    filter,
    shown,
    counts,
    test: (account: Account) => api.test(account.id),
    reset: (account: Account) => after(api.reset(account.id)),
    setActive: (account: Account, active: boolean) =>
      after(api.update(account.id, { status: active ? 'active' : 'disabled' })),
    remove: (account: Account) => after(api.remove(account.id)),
  }
}
