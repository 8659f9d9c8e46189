import { onMounted, onScopeDispose, type InjectionKey } from 'vue'

/** Opens the list of keys. */
export const shortcutsKey: InjectionKey<() => void> = Symbol('shortcuts')

/** Someone is writing, or a dialog or menu has the keys. */
function busy(target: EventTarget | null): boolean {
  if (target instanceof HTMLElement && target.closest('input, textarea, select, [contenteditable]')) return true
  return document.querySelector('[role="dialog"], [role="alertdialog"], [role="menu"]') !== null
}

/** Single keys that work on every page: what each does, by the character typed. */
export function useShortcuts(actions: Record<string, () => void>) {
  function onKey(event: KeyboardEvent) {
    const action = actions[event.key]
    if (!action || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return
    if (busy(event.target)) return
    event.preventDefault()
    action()
  }
  onMounted(() => document.addEventListener('keydown', onKey))
  onScopeDispose(() => document.removeEventListener('keydown', onKey))
}
