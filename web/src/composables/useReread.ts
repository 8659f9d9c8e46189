import { onScopeDispose, watch } from 'vue'
import { useI18n } from 'vue-i18n'

/** What the server has said is asked for again when another language is spoken, and when the network is back. */
export function useReread(again: () => void) {
  watch(useI18n().locale, again)
  addEventListener('online', again)
  onScopeDispose(() => removeEventListener('online', again))
}
