import { inject, onScopeDispose, provide, ref, type InjectionKey, type Ref } from 'vue'
import { behindFrame } from '@/lib/tasks'

interface Turns {
  /** True when it is this part's turn; for the first that comes to a page that stands, at once. */
  take: () => Readonly<Ref<boolean>>
}

const turnsKey: InjectionKey<Turns> = Symbol('turns')

/** Lets the parts of a long page be made one after another, so that the first stands at once and the page answers
 * meanwhile: the others once it is painted, each in a task of its own. While the page itself is made, all wait.
 * `finish` makes all that still wait. */
export function provideTurns() {
  const waiting = new Set<Ref<boolean>>()
  // A tab that nobody sees is never painted.
  let atOnce = document.hidden
  let callOff: (() => void) | null = null

  function next() {
    const [turn] = waiting
    if (!turn) {
      callOff = null
      atOnce = true
      return
    }
    waiting.delete(turn)
    turn.value = true
    const timer = setTimeout(next)
    callOff = () => clearTimeout(timer)
  }

  function soon() {
    callOff ??= behindFrame(next)
  }

  function take() {
    const turn = ref(atOnce)
    if (!atOnce) {
      waiting.add(turn)
      onScopeDispose(() => waiting.delete(turn))
    }
    atOnce = false
    soon()
    return turn
  }

  function finish() {
    for (const turn of waiting) turn.value = true
    waiting.clear()
  }

  onScopeDispose(() => callOff?.())
  if (!atOnce) soon()
  provide(turnsKey, { take })
  return { take, finish }
}

/** Whether it is this part's turn; outside of such a page it always is. */
export function useTurn(): Readonly<Ref<boolean>> {
  return inject(turnsKey, undefined)?.take() ?? ref(true)
}
