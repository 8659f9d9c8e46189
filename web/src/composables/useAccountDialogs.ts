import { computed, ref, shallowRef, watch, type Ref } from 'vue'
import type { Account } from '@/api/types'
import { useQueryParam } from './useQueryParam'

/** The dialog of a new account, or of one of the list, with an address. An account that is being changed
 * stays as it was when its dialog opened, though the list goes on. Nothing opens before `ready`. */
export function useAccountDialogs(list: { rows: Readonly<Ref<readonly Account[]>> }) {
  const dialog = useQueryParam('dialog', { push: true })
  const ready = ref(false)
  const held = shallowRef<Account | null>(null)

  const adding = computed({
    get: () => ready.value && dialog.value === 'new',
    set: (open) => (dialog.value = open ? 'new' : ''),
  })
  const editing = computed<Account | null>({
    get: () => held.value,
    set: (account) => (dialog.value = account ? String(account.id) : ''),
  })

  watch(
    [ready, dialog, list.rows],
    () => {
      if (held.value && String(held.value.id) === dialog.value) return
      held.value = (ready.value && list.rows.value.find(({ id }) => String(id) === dialog.value)) || null
    },
    { immediate: true },
  )

  return { ready, adding, editing }
}
