import { computed, ref, shallowRef, watch, type Ref } from 'vue'
import { useQueryParam } from './useQueryParam'

/** The dialog of a list's new entry, or of one of its entries, with an address. An entry that is being
 * changed stays as it was when its dialog opened, though the list goes on; one that the list does not show
 * is asked for with `find`. Nothing opens before `ready`. */
export function useRowDialogs<T extends { id: number }>(
  rows: Readonly<Ref<readonly T[]>>,
  find: (id: number) => Promise<T>,
) {
  const dialog = useQueryParam('dialog', { push: true })
  const ready = ref(false)
  const held = shallowRef<T | null>(null)

  const adding = computed({
    get: () => ready.value && dialog.value === 'new',
    set: (open) => (dialog.value = open ? 'new' : ''),
  })
  const editing = computed<T | null>({
    get: () => held.value,
    set: (row) => (dialog.value = row ? String(row.id) : ''),
  })

  async function hold(id: string) {
    if (String(held.value?.id) === id) return
    held.value = rows.value.find((row) => String(row.id) === id) ?? null
    if (held.value || !/^\d+$/.test(id)) return
    const found = await find(Number(id)).catch(() => null)
    if (dialog.value === id) held.value = found
  }
  watch([ready, dialog], () => ready.value && void hold(dialog.value), { immediate: true })

  // For one dialog that serves both: whom it is about stays while it leaves.
  const open = computed({
    get: () => adding.value || editing.value !== null,
    set: (next) => void (next || (dialog.value = '')),
  })
  const subject = shallowRef<T | null>(null)
  watch([open, editing], () => open.value && (subject.value = editing.value))

  return { ready, adding, editing, open, subject }
}
