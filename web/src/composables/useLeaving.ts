import { inject, onScopeDispose, type InjectionKey } from 'vue'

/** What has to be done while the session still holds, before someone signs out. */
export interface Leaving {
  /** Returns what takes it back. */
  before(work: () => Promise<unknown>): () => void
  done(): Promise<void>
}

export const leavingKey: InjectionKey<Leaving> = Symbol('leaving')

export function createLeaving(): Leaving {
  const works = new Set<() => Promise<unknown>>()
  return {
    before(work) {
      works.add(work)
      return () => void works.delete(work)
    },
    done: async () => void (await Promise.allSettled([...works].map((work) => work()))),
  }
}

/** Before signing out does this, as long as whoever asks for it is there. */
export function useBeforeLeaving(work: () => Promise<unknown>) {
  const takeBack = inject(leavingKey, undefined)?.before(work)
  if (takeBack) onScopeDispose(takeBack)
}
