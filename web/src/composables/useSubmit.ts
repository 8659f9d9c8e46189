import { ref } from 'vue'

/** Runs one submission at a time and keeps what went wrong. */
export function useSubmit(work: () => Promise<void>) {
  const busy = ref(false)
  const error = ref<unknown>(null)

  async function submit() {
    if (busy.value) return
    busy.value = true
    error.value = null
    try {
      await work()
    } catch (caught) {
      error.value = caught
    } finally {
      busy.value = false
    }
  }

  return { busy, error, submit }
}
