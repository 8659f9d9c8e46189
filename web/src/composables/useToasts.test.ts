import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createToasts } from './useToasts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

it('shows one message at a time; errors stay until they are dismissed', () => {
  const toasts = createToasts()
  toasts.show({ text: 'one' })
  toasts.show({ text: 'two', tone: 'danger' })
  expect(toasts.current.value?.text).toBe('two')
  vi.advanceTimersByTime(60_000)
  expect(toasts.current.value?.text).toBe('two')
  toasts.close()
  expect(toasts.current.value).toBeNull()
})

it('[UI-7] does not push an open undo away; the news comes after it', () => {
  const toasts = createToasts()
  toasts.show({ text: 'deleted', timed: true, durationMs: 8000 })
  toasts.show({ text: 'news' })
  expect(toasts.current.value?.text).toBe('deleted')
  vi.advanceTimersByTime(8000)
  expect(toasts.current.value?.text).toBe('news')
})

it('[UI-3] keeps what waits behind an undo from being shown where it holds no more', () => {
  const toasts = createToasts()
  toasts.show({ text: 'deleted', timed: true, durationMs: 8000 })
  const refusal = toasts.show({ text: 'refused', tone: 'danger' })
  const news = toasts.show({ text: 'news' })
  toasts.close(refusal)
  expect(toasts.current.value?.text).toBe('deleted')
  vi.advanceTimersByTime(8000)
  expect([toasts.current.value?.text, toasts.current.value?.id]).toEqual(['news', news])
  toasts.close(news)
  expect(toasts.current.value).toBeNull()
})
