import { inject, onScopeDispose, provide, ref, type InjectionKey, type Ref } from 'vue'

interface Turns {
  /** True at once for the first of a list, for the others in a later frame. */
  take: () => Readonly<Ref<boolean>>
}

const turnsKey: InjectionKey<Turns> = Symbol('turns')

/** Lets the parts of a long list be made over several frames, so that the first stand at once and the page answers
 * meanwhile: `first` without waiting, then `step` a frame. `finish` makes all that still wait. */
export function provideTurns(first = 3, step = 2) {
  const waiting = new Set<Ref<boolean>>()
  let atOnce = first
  let frame = 0

  function next() {
    frame = 0
    let left = step
    for (const turn of waiting) {
      if (left-- === 0) break
      waiting.delete(turn)
      turn.value = true
    }
    if (waiting.size) frame = requestAnimationFrame(next)
    else atOnce = first
  }

  function take() {
    const turn = ref(atOnce > 0)
    if (atOnce > 0) atOnce -= 1
    else {
      waiting.add(turn)
      onScopeDispose(() => waiting.delete(turn))
    }
    frame ||= requestAnimationFrame(next)
    return turn
  }

  function finish() {
    for (const turn of waiting) turn.value = true
    waiting.clear()
  }

  onScopeDispose(() => cancelAnimationFrame(frame))
  provide(turnsKey, { take })
  return { take, finish }
}

/** Whether it is this part's turn; outside of such a list it always is. */
export function useTurn(): Readonly<Ref<boolean>> {
  return inject(turnsKey, undefined)?.take() ?? ref(true)
}
