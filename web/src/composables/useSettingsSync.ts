import { onScopeDispose } from 'vue'
import { useSession } from '@/stores/session'
import { useEvents } from './useEvents'

/** Keeps what this server offers up to date: an event says that it changed, the answer says how. */
export function useSettingsSync() {
  const session = useSession()
  const events = useEvents()
  const refresh = () => void session.refreshSettings()

  function onVisible() {
    if (!document.hidden) refresh()
  }

  onScopeDispose(events.on('settings', refresh))
  onScopeDispose(events.onMissed(refresh))
  document.addEventListener('visibilitychange', onVisible)
  onScopeDispose(() => document.removeEventListener('visibilitychange', onVisible))
}
