import { onScopeDispose, ref, type Ref } from 'vue'
import { behindFrame } from '@/lib/tasks'

/** False until what stands beside it has been painted once, so that this comes without making it wait. In a tab
 * that nobody sees, which is never painted, true at once. */
export function useAfterPaint(): Readonly<Ref<boolean>> {
  const painted = ref(document.hidden)
  if (painted.value) return painted
  onScopeDispose(behindFrame(() => (painted.value = true)))
  return painted
}
