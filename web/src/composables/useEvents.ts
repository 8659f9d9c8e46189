import { inject, ref, type InjectionKey, type Ref } from 'vue'
import { eventsPath } from '@/api/sora'

export type LiveEvent = 'generation' | 'settings' | 'quota'
type Listener = (data: unknown) => void

/** The part of EventSource used here, so that tests can bring their own. */
export interface EventStream {
  readyState: number
  onopen: ((event: Event) => void) | null
  onerror: ((event: Event) => void) | null
  addEventListener(name: string, listener: (event: MessageEvent<string>) => void): void
  close(): void
}

export interface LiveEvents {
  connected: Readonly<Ref<boolean>>
  start(): void
  stop(): void
  on(name: LiveEvent, listener: Listener): () => void
  /** Called when changes may have been missed: what was asked for before a connection stood may be older than it;
   * and as the server says. */
  onMissed(listener: () => void): () => void
  /** Called each time the connection ends or cannot be made. */
  onLost(listener: () => void): () => void
  silentFor(): number
}

export const eventsKey: InjectionKey<LiveEvents> = Symbol('events')

const names: LiveEvent[] = ['generation', 'settings', 'quota']

/** Back-off between attempts: 1, 2, 4 … 30 s. */
export function reconnectDelay(failures: number): number {
  return Math.min(30_000, 1000 * 2 ** Math.max(0, failures - 1))
}

export function createEvents(
  open: () => EventStream = () => new EventSource(eventsPath, { withCredentials: true }),
): LiveEvents {
  const connected = ref(false)
  const listeners = new Map<LiveEvent, Set<Listener>>(names.map((name) => [name, new Set()]))
  const missed = new Set<() => void>()
  const lost = new Set<() => void>()
  let stream: EventStream | null = null
  let timer: ReturnType<typeof setTimeout> | undefined
  let failures = 0
  let heardAt = 0

  function deliver(name: LiveEvent, event: MessageEvent<string>) {
    heardAt = Date.now()
    let data: unknown
    try {
      data = JSON.parse(event.data)
    } catch {
      return
    }
    for (const listener of listeners.get(name) ?? []) listener(data)
  }

  function tell(listeners: Set<() => void>) {
    for (const listener of listeners) listener()
  }

  function connect() {
    const current = open()
    stream = current
    current.onopen = () => {
      connected.value = true
      failures = 0
      heardAt = Date.now()
      tell(missed)
    }
    current.onerror = () => {
      if (stream !== current) return
      // The browser's own retry has no back-off and gives up on an answer other than 200.
      current.close()
      stream = null
      connected.value = false
      failures += 1
      timer = setTimeout(connect, reconnectDelay(failures))
      tell(lost)
    }
    current.addEventListener('missed', () => tell(missed))
    for (const name of names) current.addEventListener(name, (event) => deliver(name, event))
  }

  /** With the network back there is nothing to wait for. */
  function hurry() {
    if (stream) return
    clearTimeout(timer)
    connect()
  }

  return {
    connected,
    start() {
      addEventListener('online', hurry)
      if (!stream && !timer) connect()
    },
    stop() {
      removeEventListener('online', hurry)
      clearTimeout(timer)
      timer = undefined
      stream?.close()
      stream = null
      connected.value = false
    },
    on(name, listener) {
      listeners.get(name)?.add(listener)
      return () => void listeners.get(name)?.delete(listener)
    },
    onMissed(listener) {
      missed.add(listener)
      return () => void missed.delete(listener)
    },
    onLost(listener) {
      lost.add(listener)
      return () => void lost.delete(listener)
    },
    silentFor: () => (connected.value ? Date.now() - heardAt : Number.POSITIVE_INFINITY),
  }
}

export function useEvents(): LiveEvents {
  const events = inject(eventsKey)
  if (!events) throw new Error('no events provided')
  return events
}
