import { onScopeDispose } from 'vue'

/** How long to wait before asking again: 3 s for two minutes, 10 s to ten minutes, then 30 s. */
export function pollDelay(elapsedMs: number): number {
  if (elapsedMs < 2 * 60_000) return 3000
  return elapsedMs < 10 * 60_000 ? 10_000 : 30_000
}

export interface PollingOptions {
  /** Nothing is asked while this is false. */
  wanted: () => boolean
  /** Milliseconds since the server last told of a change by itself; Infinity when it cannot. */
  silentFor: () => number
  poll: () => Promise<void>
}

/** With events open, silence shorter than this is taken as "nothing new". */
export const trustedSilenceMs = 10_000

/** Asks on the falling schedule while something is wanted and the event stream is silent. */
export function usePolling(options: PollingOptions) {
  let begun = 0
  let timer: ReturnType<typeof setTimeout> | undefined

  function schedule() {
    clearTimeout(timer)
    timer = undefined
    if (!options.wanted()) return
    timer = setTimeout(turn, pollDelay(Date.now() - begun))
  }

  async function turn() {
    if (options.wanted() && options.silentFor() >= trustedSilenceMs) {
      await options.poll().catch(() => undefined)
    }
    schedule()
  }

  /** Begin the schedule anew: a job was just started, or the page was just opened. */
  function restart() {
    begun = Date.now()
    schedule()
  }

  function stop() {
    clearTimeout(timer)
    timer = undefined
  }

  onScopeDispose(stop)
  return { restart, stop }
}
