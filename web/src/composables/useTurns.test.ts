import { afterEach, expect, it, vi } from 'vitest'
import { effectScope, type EffectScope, type Ref } from 'vue'
import { withSetup } from '@/test-helpers'
import { provideTurns, useTurn } from './useTurns'

let stop: () => void = () => undefined
afterEach(() => {
  stop()
  vi.useRealTimers()
})

/** A list with its turns, and `take` for a part of it that is made now; frames and tasks come by hand. */
function list(first: number, begin = first) {
  vi.useFakeTimers()
  const made = withSetup(() => provideTurns(first, begin))
  stop = made.stop
  const take = (scope: EffectScope = effectScope()) => scope.run(made.result.take)!
  return { ...made.result, take, frame: () => vi.advanceTimersToNextFrame(), task: () => vi.advanceTimersToNextTimer() }
}
const values = (turns: readonly Readonly<Ref<boolean>>[]) => turns.map((turn) => turn.value)

it('[UI-3] makes the first parts of a list at once, and once they are painted the others one after another', () => {
  const { take, frame, task } = list(2)
  const turns = Array.from({ length: 4 }, () => take())
  expect(values(turns)).toEqual([true, true, false, false])
  frame()
  expect(values(turns)).toEqual([true, true, false, false])
  task()
  expect(values(turns)).toEqual([true, true, true, false])
  task()
  expect(values(turns)).toEqual([true, true, true, true])
})

it('[UI-3] has what comes later at once again', () => {
  const { take } = list(1)
  const first = [take(), take()]
  vi.runAllTimers()
  expect(values([...first, take(), take()])).toEqual([true, true, true, false])
})

it('[UI-3] lets all wait while the page itself is made, and no longer', () => {
  const { take } = list(1, 0)
  const first = [take(), take()]
  expect(values(first)).toEqual([false, false])
  vi.runAllTimers()
  expect(values([...first, take(), take()])).toEqual([true, true, true, false])
})

it('[UI-3] has what comes to a page that was empty at once', () => {
  const { take } = list(1, 0)
  vi.runAllTimers()
  expect(values([take(), take()])).toEqual([true, false])
})

it('[UI-3] has the first part at once in a tab that nobody sees', () => {
  vi.spyOn(document, 'hidden', 'get').mockReturnValue(true)
  const { take } = list(1, 0)
  expect(values([take(), take()])).toEqual([true, false])
})

it('[UI-3] has what comes meanwhile wait for its turn', () => {
  const { take, frame, task } = list(1)
  const first = [take(), take()]
  frame()
  task()
  const later = take()
  expect(values([...first, later])).toEqual([true, true, false])
  task()
  expect(later.value).toBe(true)
})

it('[UI-3] makes all that wait when it is told to, and forgets what has gone', () => {
  const { take, finish } = list(1)
  const gone = effectScope()
  const turns = [take(), take(gone), take(), take()]
  gone.stop()
  finish()
  expect(values(turns)).toEqual([true, false, true, true])
  vi.runAllTimers()
  expect(values([take()])).toEqual([true])
})

it('[UI-3] is always the turn of a part that stands in no such list', () => {
  const made = withSetup(() => useTurn())
  stop = made.stop
  expect(made.result.value).toBe(true)
})
