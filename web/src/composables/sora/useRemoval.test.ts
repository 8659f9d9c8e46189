import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { fakeServer, generation, withSetup } from '@/test-helpers'
import { createToasts, toastsKey } from '../useToasts'
import { useRemoval } from './useRemoval'
import { undoMs } from './useUndoDelete'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function begin() {
  const server = fakeServer()
  const toasts = createToasts()
  const timeline = { hidden: new Set<number>(), drop: vi.fn() }
  const loadQuota = vi.fn(async () => undefined)
  const { result, stop } = withSetup(
    () => useRemoval(timeline, loadQuota),
    (app) => {
      server.provide(app)
      app.provide(toastsKey, toasts)
    },
  )
  return { server, toasts, timeline, loadQuota, stop, ...result }
}

it('[SG-7, UI-7] takes back with one press all that can still be taken back', async () => {
  const { server, toasts, timeline, remove, onTakenBack, stop } = begin()
  const back = vi.fn()
  onTakenBack(back)
  remove(generation({ id: 1, prompt: 'A lighthouse in fog' }))
  expect(toasts.current.value!.text).toContain('A lighthouse in fog')
  remove(generation({ id: 2 }))
  expect(toasts.current.value!.text).toContain('2')
  expect([...timeline.hidden]).toEqual([1, 2])
  toasts.current.value!.action!.run()
  await vi.advanceTimersByTimeAsync(2 * undoMs)
  expect([[...timeline.hidden], server.asked, back.mock.calls]).toEqual([[], [], [[[1, 2]]]])
  stop()
})

it('[SG-7, UI-2] tells who listens of what is gone, and asks for the room it left', async () => {
  const { server, timeline, loadQuota, remove, onRemoved, stop } = begin()
  server.answers['DELETE /api/v1/sora/generations/3'] = () => undefined
  const gone: number[] = []
  const end = onRemoved((id) => gone.push(id))
  remove(generation({ id: 3 }))
  await vi.advanceTimersByTimeAsync(undoMs)
  end()
  // A stand-in: the server never heard of it.
  remove(generation({ id: -1 }))
  await vi.advanceTimersByTimeAsync(undoMs)
  expect(server.asked.map(([what]) => what)).toEqual(['DELETE /api/v1/sora/generations/3'])
  expect([gone, timeline.drop.mock.calls, loadQuota.mock.calls.length]).toEqual([[3], [[3], [-1]], 2])
  stop()
})
