import { ref, watch, type Ref } from 'vue'

/** Whether something has been open yet, and so has to be there to close again. A view has many dialogs, and most are
 * never opened: until then they cost nothing. */
export function useOnceOpen(open: Readonly<Ref<boolean>>): Readonly<Ref<boolean>> {
  const once = ref(open.value)
  const stop = watch(open, () => {
    once.value = true
    stop()
  })
  return once
}
