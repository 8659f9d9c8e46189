import { onScopeDispose, ref, type Ref } from 'vue'

/** False until what stands beside it has been painted once, so that this comes without making it wait. A tab that
 * nobody sees is never painted, and waits for nothing. */
export function useAfterPaint(): Readonly<Ref<boolean>> {
  const painted = ref(document.hidden)
  if (painted.value) return painted
  let timer = 0
  const frame = requestAnimationFrame(() => (timer = window.setTimeout(() => (painted.value = true))))
  onScopeDispose(() => {
    cancelAnimationFrame(frame)
    clearTimeout(timer)
  })
  return painted
}
