import { afterEach, expect, it, vi } from 'vitest'
import { withSetup } from '@/test-helpers'
import { useAfterPaint } from './useAfterPaint'

afterEach(() => void vi.useRealTimers())

it('[UI-3] lets a part come behind the first paint of the others', () => {
  vi.useFakeTimers()
  const { result, stop } = withSetup(useAfterPaint)
  expect(result.value).toBe(false)
  vi.advanceTimersToNextFrame()
  expect(result.value).toBe(false)
  vi.runAllTimers()
  expect(result.value).toBe(true)
  stop()
})

it('[UI-3] waits for no paint in a tab that nobody sees', () => {
  vi.spyOn(document, 'hidden', 'get').mockReturnValue(true)
  const { result, stop } = withSetup(useAfterPaint)
  expect(result.value).toBe(true)
  stop()
})

it('[UI-3] comes no more to what has gone', () => {
  vi.useFakeTimers()
  const { result, stop } = withSetup(useAfterPaint)
  stop()
  vi.runAllTimers()
  expect(result.value).toBe(false)
})
