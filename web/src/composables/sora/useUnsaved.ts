import { computed, onScopeDispose, watch, type Ref } from 'vue'
import type { Generation } from '@/api/types'
import { cardState } from '@/lib/generation'
import type { Clock } from '../useClock'

/** Asks before leaving while a result exists only behind a link that is about to close. */
export function useUnsaved(list: Readonly<Ref<Generation[]>>, downloaded: ReadonlySet<number>, clock: Clock) {
  const unsaved = computed(() =>
    list.value.filter((item) => cardState(item, clock.now.value) === 'link' && !downloaded.has(item.id)),
  )

  function onLeave(event: BeforeUnloadEvent) {
    event.preventDefault()
    event.returnValue = ''
  }

  watch(
    () => unsaved.value.length > 0,
    (any) => {
      if (any) addEventListener('beforeunload', onLeave)
      else removeEventListener('beforeunload', onLeave)
    },
    { immediate: true },
  )
  onScopeDispose(() => removeEventListener('beforeunload', onLeave))
  return unsaved
}
