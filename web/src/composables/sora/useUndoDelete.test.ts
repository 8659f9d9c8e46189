import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { effectScope, type EffectScope } from 'vue'
import { ApiError } from '@/api'
import { undoMs, useUndoDelete } from './useUndoDelete'

let scope: EffectScope
const calls = { hide: vi.fn(), unhide: vi.fn(), remove: vi.fn(), removed: vi.fn(), failed: vi.fn(), offer: vi.fn() }

beforeEach(() => {
  vi.useFakeTimers()
  for (const call of Object.values(calls)) call.mockReset()
  calls.remove.mockResolvedValue(undefined)
  scope = effectScope()
})
afterEach(() => {
  scope.stop()
  vi.useRealTimers()
})
const begin = () => scope.run(() => useUndoDelete(calls))!

describe('deleting with a way back', () => {
  it('[UI-7] hides at once and sends the request after 8 s', async () => {
    begin().remove(1)
    expect(calls.hide).toHaveBeenCalledWith(1)
    await vi.advanceTimersByTimeAsync(undoMs - 1)
    expect(calls.remove).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(1)
    expect(calls.remove).toHaveBeenCalledWith(1)
    expect(calls.removed).toHaveBeenCalledWith(1)
  })

  it('[UI-7] sends nothing when it is taken back, for all that still wait', async () => {
    const undo = begin()
    undo.remove(1)
    undo.remove(2)
    expect(calls.offer).toHaveBeenLastCalledWith([1, 2])
    undo.undo([1, 2])
    await vi.advanceTimersByTimeAsync(60_000)
    expect(calls.remove).not.toHaveBeenCalled()
    expect(calls.unhide.mock.calls).toEqual([[1], [2]])
  })

  it('shows the work again when the server refuses, but not when it is gone already', async () => {
    const undo = begin()
    calls.remove.mockRejectedValueOnce(new ApiError(500, 'internal', 'no'))
    undo.remove(1)
    await vi.advanceTimersByTimeAsync(undoMs)
    expect(calls.unhide).toHaveBeenCalledWith(1)
    expect(calls.failed).toHaveBeenCalledOnce()
    calls.remove.mockRejectedValueOnce(new ApiError(404, 'not_found', ''))
    undo.remove(2)
    await vi.advanceTimersByTimeAsync(undoMs)
    expect(calls.removed).toHaveBeenCalledWith(2)
  })

  it('carries out what was decided when the page is left', async () => {
    begin().remove(3)
    dispatchEvent(new Event('pagehide'))
    await vi.advanceTimersByTimeAsync(0)
    expect(calls.remove).toHaveBeenCalledWith(3)
  })

  it('[ID-4, UI-7] sends at once what is still open when it has to, and waits for it', async () => {
    const undo = begin()
    let answer!: () => void
    calls.remove.mockImplementation(() => new Promise<void>((resolve) => (answer = resolve)))
    undo.remove(1)
    const flushed = vi.fn()
    void undo.flush().then(flushed)
    await vi.advanceTimersByTimeAsync(0)
    expect([calls.remove.mock.calls, flushed.mock.calls.length]).toEqual([[[1]], 0])
    answer()
    await vi.advanceTimersByTimeAsync(0)
    expect(flushed).toHaveBeenCalledOnce()
  })

  it('[ID-4] says nothing to whoever comes after a session that has ended', async () => {
    calls.remove.mockRejectedValue(new ApiError(401, 'unauthenticated', 'Sign in.'))
    begin().remove(1)
    await vi.advanceTimersByTimeAsync(undoMs)
    expect([calls.unhide.mock.calls, calls.failed.mock.calls]).toEqual([[[1]], []])
  })
})
