import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { behindFrame, nextFrame, nextTask, whenIdle } from './tasks'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => {
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

it('[ST-9] waits until the browser tells that it has nothing to do, but not for ever', () => {
  const idle = vi.fn((_run: () => void, _options: object) => 7)
  const off = vi.fn()
  vi.stubGlobal('requestIdleCallback', idle)
  vi.stubGlobal('cancelIdleCallback', off)
  const run = vi.fn()
  const callOff = whenIdle(run)
  expect(idle).toHaveBeenCalledWith(run, { timeout: 2000 })
  callOff()
  expect(off).toHaveBeenCalledWith(7)
})

it('[ST-9] waits a little where the browser does not tell', () => {
  vi.stubGlobal('requestIdleCallback', undefined)
  Reflect.deleteProperty(window, 'requestIdleCallback')
  const run = vi.fn()
  whenIdle(run)
  whenIdle(run)()
  expect(run).not.toHaveBeenCalled()
  vi.advanceTimersByTime(300)
  expect(run).toHaveBeenCalledOnce()
})

it('[UI-3] goes on in a task of its own', async () => {
  const went = vi.fn()
  void nextTask().then(went)
  await Promise.resolve()
  expect(went).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(0)
  expect(went).toHaveBeenCalledOnce()
})

it('[AD-2] goes on behind the next frame', async () => {
  const went = vi.fn()
  void nextFrame().then(went)
  vi.advanceTimersToNextFrame()
  await Promise.resolve()
  expect(went).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(1)
  expect(went).toHaveBeenCalledOnce()
})

it('[UI-3] comes no more behind a frame when it is called off', () => {
  const [before, between] = [vi.fn(), vi.fn()]
  behindFrame(before)()
  const callOff = behindFrame(between)
  vi.advanceTimersToNextFrame()
  callOff()
  vi.runAllTimers()
  expect([before, between].map((run) => run.mock.calls.length)).toEqual([0, 0])
})
