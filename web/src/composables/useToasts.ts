import { inject, ref, type InjectionKey, type Ref } from 'vue'

export interface ToastAction {
  label: string
  run: () => void
}

export interface ToastOptions {
  text: string
  tone?: 'plain' | 'ok' | 'warn' | 'danger'
  action?: ToastAction
  /** Draws the time left as leaves: how long an undo is open. */
  timed?: boolean
  durationMs?: number
}

export interface Toast extends ToastOptions {
  id: number
  until: number | null
}

/** One message at a time; errors stay until dismissed or replaced. */
export interface Toasts {
  current: Readonly<Ref<Toast | null>>
  /** Its number, by which it is closed, or kept from being shown where it waits. */
  show(options: ToastOptions): number
  close(id?: number): void
  /** What stands at the foot of the page, and is not to be covered: its height in px. */
  foot: Ref<number>
}

export const toastsKey: InjectionKey<Toasts> = Symbol('toasts')

const defaultMs = 5000

export function createToasts(): Toasts {
  const current = ref<Toast | null>(null)
  const waiting: (ToastOptions & { id: number })[] = []
  let next = 1
  let timer: ReturnType<typeof setTimeout> | undefined

  function close(id?: number) {
    const toast = current.value
    if (!toast || (id !== undefined && toast.id !== id)) {
      const place = waiting.findIndex((later) => later.id === id)
      if (place >= 0) waiting.splice(place, 1)
      return
    }
    clearTimeout(timer)
    current.value = null
    const following = waiting.shift()
    if (following) say(following.id, following)
  }

  function show(options: ToastOptions): number {
    const id = next++
    // An undo that is still open is not pushed away by news.
    if (current.value?.timed && !options.timed) waiting.push({ ...options, id })
    else say(id, options)
    return id
  }

  function say(id: number, options: ToastOptions) {
    clearTimeout(timer)
    current.value = null
    const stays = options.tone === 'danger' && options.durationMs === undefined
    const duration = stays ? null : (options.durationMs ?? defaultMs)
    current.value = { ...options, id, until: duration === null ? null : Date.now() + duration }
    if (duration !== null) timer = setTimeout(() => close(id), duration)
  }

  return { current, close, show, foot: ref(0) }
}

export function useToasts(): Toasts {
  const toasts = inject(toastsKey)
  if (!toasts) throw new Error('no toasts provided')
  return toasts
}
