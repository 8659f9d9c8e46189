import { inject, onScopeDispose, provide, ref, type InjectionKey, type Ref } from 'vue'

interface Turns {
  /** True at once for the first of a list, for the others later. */
  take: () => Readonly<Ref<boolean>>
}

const turnsKey: InjectionKey<Turns> = Symbol('turns')

/** Lets the parts of a long page be made one after another, so that the first stand at once and the page answers
 * meanwhile: `first` without waiting, the others once these are painted, each in a task of its own. While the page
 * itself is made, only `begin` do not wait. `finish` makes all that still wait. */
export function provideTurns(first = 1, begin = first) {
  const waiting = new Set<Ref<boolean>>()
  // A tab that nobody sees is never painted.
  let atOnce = document.hidden ? first : begin
  let frame = 0
  let timer = 0

  function next() {
    frame = timer = 0
    const [turn] = waiting
    if (!turn) {
      atOnce = first
      return
    }
    waiting.delete(turn)
    turn.value = true
    timer = window.setTimeout(next)
  }

  function take() {
    const turn = ref(atOnce > 0)
    if (atOnce > 0) atOnce -= 1
    else {
      waiting.add(turn)
      onScopeDispose(() => waiting.delete(turn))
    }
    soon()
    return turn
  }

  function soon() {
    if (!timer) frame ||= requestAnimationFrame(() => (timer = window.setTimeout(next)))
  }

  function finish() {
    for (const turn of waiting) turn.value = true
    waiting.clear()
  }

  onScopeDispose(() => {
    cancelAnimationFrame(frame)
    clearTimeout(timer)
  })
  if (atOnce < first) soon()
  provide(turnsKey, { take })
  return { take, finish }
}

/** Whether it is this part's turn; outside of such a page it always is. */
export function useTurn(): Readonly<Ref<boolean>> {
  return inject(turnsKey, undefined)?.take() ?? ref(true)
}
