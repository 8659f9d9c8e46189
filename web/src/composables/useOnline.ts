import { onScopeDispose, ref } from 'vue'

/** Whether this browser has a network. */
export function useOnline() {
  const online = ref(navigator.onLine)
  const look = () => (online.value = navigator.onLine)
  for (const event of ['online', 'offline']) {
    addEventListener(event, look)
    onScopeDispose(() => removeEventListener(event, look))
  }
  return online
}
