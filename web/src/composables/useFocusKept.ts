import { onBeforeUnmount, type Ref } from 'vue'
import { focusView } from '@/lib/focus'

/** Where a part goes with the focus in it, as an empty list's button does once there is something, one goes on in the
 * view; `root` is the part's element. */
export function useFocusKept(root: Readonly<Ref<HTMLElement | null>>) {
  onBeforeUnmount(() => {
    if (root.value?.contains(document.activeElement)) focusView()
  })
}
