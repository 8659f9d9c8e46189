import { onMounted, onScopeDispose, ref } from 'vue'

/** Files that are dropped anywhere on the page, or pasted: one that misses its field must not replace
 * the page with itself. `take` gets the first; `wanted` says which pasted ones are meant for us;
 * `takeAll`, where it is given, gets all that is dropped. */
export function usePageFiles(
  take: (file: File) => void,
  wanted: (file: File) => boolean,
  takeAll?: (transfer: DataTransfer) => void,
) {
  const dragging = ref(false)
  let depth = 0

  const carriesFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false

  function enter(event: DragEvent) {
    if (!carriesFiles(event)) return
    depth += 1
    dragging.value = true
  }

  function leave(event: DragEvent) {
    if (!carriesFiles(event)) return
    depth = Math.max(0, depth - 1)
    dragging.value = depth > 0
  }

  function over(event: DragEvent) {
    if (carriesFiles(event)) event.preventDefault()
  }

  function drop(event: DragEvent) {
    if (!carriesFiles(event)) return
    event.preventDefault()
    depth = 0
    dragging.value = false
    const file = event.dataTransfer?.files[0]
    if (takeAll && event.dataTransfer) takeAll(event.dataTransfer)
    else if (file) take(file)
  }

  function paste(event: ClipboardEvent) {
    const file = [...(event.clipboardData?.files ?? [])].find(wanted)
    if (!file) return
    event.preventDefault()
    take(file)
  }

  const listeners = { dragenter: enter, dragleave: leave, dragover: over, drop, paste } as const
  const each = (change: 'addEventListener' | 'removeEventListener') => {
    for (const [name, listener] of Object.entries(listeners)) document[change](name, listener as EventListener)
  }
  onMounted(() => each('addEventListener'))
  onScopeDispose(() => each('removeEventListener'))

  return { dragging }
}
