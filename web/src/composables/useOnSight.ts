import { onMounted, onScopeDispose, type Ref } from 'vue'

/** How far from the window's edge something is made already. */
const ahead = '200px'

/** Runs something once, when `element` comes near the window. */
export function useOnSight(element: Readonly<Ref<Element | null>>, run: () => void): void {
  const observer = new IntersectionObserver(
    (seen) => {
      if (!seen.some((it) => it.isIntersecting)) return
      observer.disconnect()
      run()
    },
    { rootMargin: ahead },
  )
  onMounted(() => element.value && observer.observe(element.value))
  onScopeDispose(() => observer.disconnect())
}
