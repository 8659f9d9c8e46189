import { expect, it } from 'vitest'
import { withSetup } from '@/test-helpers'
import { useDuration } from './useDuration'

it('[UI-4, UI-7] says in minutes and seconds how long something took', () => {
  const { result: duration, stop } = withSetup(useDuration)
  expect([-5000, 0, 47_600, 59_400, 59_500, 192_000].map(duration)).toEqual([
    '0 s',
    '0 s',
    '48 s',
    '59 s',
    '1 min 0 s',
    '3 min 12 s',
  ])
  stop()
})
