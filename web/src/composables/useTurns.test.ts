import { afterEach, expect, it, vi } from 'vitest'
import { effectScope, type EffectScope, type Ref } from 'vue'
import { withSetup } from '@/test-helpers'
import { provideTurns, useTurn } from './useTurns'

let stop: () => void = () => undefined
afterEach(() => {
  stop()
  vi.useRealTimers()
})

/** A page with its turns, and `take` for a part of it that is made now; frames and tasks come by hand. */
function page() {
  vi.useFakeTimers()
  const made = withSetup(provideTurns)
  stop = made.stop
  const take = (scope: EffectScope = effectScope()) => scope.run(made.result.take)!
  return { ...made.result, take, frame: () => vi.advanceTimersToNextFrame(), task: () => vi.advanceTimersToNextTimer() }
}
const values = (turns: readonly Readonly<Ref<boolean>>[]) => turns.map((turn) => turn.value)

it('[UI-3] makes the parts of a page one after another, once the page itself is painted', () => {
  const { take, frame, task } = page()
  const turns = [take(), take(), take()]
  expect(values(turns)).toEqual([false, false, false])
  frame()
  expect(values(turns)).toEqual([false, false, false])
  task()
  expect(values(turns)).toEqual([true, false, false])
  task()
  expect(values(turns)).toEqual([true, true, false])
  task()
  expect(values(turns)).toEqual([true, true, true])
})

it('[UI-3] has the first of what comes later at once', () => {
  const { take } = page()
  const first = [take(), take()]
  vi.runAllTimers()
  const later = [take(), take()]
  expect(values([...first, ...later])).toEqual([true, true, true, false])
  vi.runAllTimers()
  expect(values(later)).toEqual([true, true])
})

it('[UI-3] has what comes to a page that was empty at once', () => {
  const { take } = page()
  vi.runAllTimers()
  expect(values([take(), take()])).toEqual([true, false])
})

it('[UI-3] has the first part at once in a tab that nobody sees', () => {
  vi.spyOn(document, 'hidden', 'get').mockReturnValue(true)
  const { take } = page()
  expect(values([take(), take()])).toEqual([true, false])
})

it('[UI-3] has what comes meanwhile wait for its turn', () => {
  const { take, frame, task } = page()
  const first = take()
  frame()
  task()
  const later = take()
  expect(values([first, later])).toEqual([true, false])
  task()
  expect(later.value).toBe(true)
})

it('[UI-3] makes all that wait when it is told to, and forgets what has gone', () => {
  const { take, finish } = page()
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

it('[UI-3] makes nothing more once the page has gone', () => {
  const { take, frame, task } = page()
  const turns = [take(), take()]
  frame()
  task()
  stop()
  vi.runAllTimers()
  expect(values(turns)).toEqual([true, false])
})
