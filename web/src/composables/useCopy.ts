import { useToasts } from './useToasts'

/** The way of pages that came by plain http, which browsers give no clipboard, and of browsers that refuse it. */
function copySelected(text: string): boolean {
  const before = document.activeElement as HTMLElement | null
  const field = document.createElement('textarea')
  field.className = 'sr-only'
  field.value = text
  // Beside what has the focus: a dialog would take it back from anywhere else.
  ;(before?.closest('[role="dialog"]') ?? document.body).append(field)
  field.focus()
  field.select()
  const done = document.execCommand('copy')
  field.remove()
  before?.focus()
  return done
}

async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return copySelected(text)
  }
}

/** Copies, and says whether it worked. */
export function useCopy() {
  const toasts = useToasts()
  return async (text: string, said: { done: string; failed: string }) => {
    const done = await copied(text)
    toasts.show(done ? { tone: 'ok', text: said.done } : { tone: 'danger', text: said.failed })
  }
}
