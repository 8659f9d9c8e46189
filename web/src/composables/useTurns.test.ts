import { afterEach, expect, it, vi } from 'vitest'
import { effectScope, type EffectScope, type Ref } from 'vue'
import { withSetup } from '@/test-helpers'
import { provideTurns, useTurn } from './useTurns'

let stop: () => void = () => undefined
afterEach(() => {
  stop()
  vi.useRealTimers()
})

/** A list with its turns, and `take` for a part of it that is made now; frames come by hand. */
function list(first: number, step: number) {
  vi.useFakeTimers()
  const made = withSetup(() => provideTurns(first, step))
  stop = made.stop
  const take = (scope: EffectScope = effectScope()) => scope.run(made.result.take)!
  return { ...made.result, take, frame: () => vi.advanceTimersToNextFrame() }
}
const values = (turns: readonly Readonly<Ref<boolean>>[]) => turns.map((turn) => turn.value)

it('[UI-3] makes the first parts of a list at once and the others a few a frame', () => {
  const { take, frame } = list(2, 1)
  const turns = Array.from({ length: 4 }, () => take())
  expect(values(turns)).toEqual([true, true, false, false])
  frame()
  expect(values(turns)).toEqual([true, true, true, false])
  frame()
  expect(values(turns)).toEqual([true, true, true, true])
})

it('[UI-3] has what comes later at once again', () => {
  const { take, frame } = list(1, 1)
  const first = [take(), take()]
  frame()
  frame()
  expect(values([...first, take()])).toEqual([true, true, true])
})

it('[UI-3] makes all that wait when it is told to, and forgets what has gone', () => {
  const { take, frame, finish } = list(1, 1)
  const gone = effectScope()
  const turns = [take(), take(gone), take(), take()]
  gone.stop()
  finish()
  expect(values(turns)).toEqual([true, false, true, true])
  frame()
  expect(values([take()])).toEqual([true])
})

it('[UI-3] is always the turn of a part that stands in no such list', () => {
  const made = withSetup(() => useTurn())
  stop = made.stop
  expect(made.result.value).toBe(true)
})
