import { computed, ref } from 'vue'

/** The entry of a list that its dialog is about: one that stands there, or a new one. */
export function useEditedEntry<T>(list: () => readonly T[], change: (list: T[]) => void) {
  const open = ref(false)
  const place = ref<number | null>(null)
  const edited = computed(() => (place.value === null ? null : (list()[place.value] ?? null)))
  const others = computed(() => list().filter((_, other) => other !== place.value))

  function edit(at: number | null) {
    place.value = at
    open.value = true
  }

  function keep(entry: T) {
    const next = [...list()]
    if (place.value === null) next.push(entry)
    else next[place.value] = entry
    change(next)
  }

  return { open, edited, others, edit, keep }
}
