import { afterEach, expect, it, vi } from 'vitest'
import { withSetup } from '@/test-helpers'
import { useMedia } from './useMedia'

afterEach(() => vi.unstubAllGlobals())

it('[UI-1] follows a media query, until nobody asks any more', () => {
  const list = Object.assign(new EventTarget(), { matches: true })
  const ask = vi.fn(() => list)
  vi.stubGlobal('matchMedia', ask)
  const { result: wide, stop } = withSetup(() => useMedia('(min-width: 861px)'))
  const turn = (matches: boolean) => {
    list.matches = matches
    list.dispatchEvent(new Event('change'))
  }
  expect(ask).toHaveBeenCalledWith('(min-width: 861px)')
  expect(wide.value).toBe(true)
  turn(false)
  expect(wide.value).toBe(false)
  stop()
  turn(true)
  expect(wide.value).toBe(false)
})
