import { inject, onScopeDispose, ref, type InjectionKey, type Ref } from 'vue'

/** The server's time on this machine, ticking once a second for everything that counts up or down. */
export interface Clock {
  now: Readonly<Ref<number>>
  read(): number
  learn(serverMs: number, sentMs: number, receivedMs: number): void
}

export const clockKey: InjectionKey<Clock> = Symbol('clock')

/** The Date header counts whole seconds, so a smaller difference says nothing. */
const toleranceMs = 2000

export function createClock(): Clock & { stop: () => void } {
  let offset = 0
  const now = ref(Date.now())
  const read = () => Date.now() + offset
  const timer = setInterval(() => (now.value = read()), 1000)
  return {
    now,
    read,
    learn(serverMs, sentMs, receivedMs) {
      const seen = serverMs + 500 - (sentMs + receivedMs) / 2
      if (Math.abs(seen - offset) > toleranceMs) {
        offset = seen
        now.value = read()
      }
    },
    stop: () => clearInterval(timer),
  }
}

export function useClock(): Clock {
  const given = inject(clockKey, null)
  if (given) return given
  const own = createClock()
  onScopeDispose(own.stop)
  return own
}
