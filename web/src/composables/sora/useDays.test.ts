import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { ref } from 'vue'
import { generation, withSetup } from '@/test-helpers'
import { clockKey, createClock } from '../useClock'
import { useDays } from './useDays'

const noon = new Date(2026, 10, 22, 12)
const at = (day: number, hour: number) => new Date(2026, 10, day, hour).toISOString()

beforeEach(() => vi.useFakeTimers({ now: noon }))
afterEach(() => vi.useRealTimers())

it('[UI-4] cuts the timeline into days, each with its name, and renames them at midnight', () => {
  const list = ref([
    generation({ id: 4, created_at: at(22, 11) }),
    generation({ id: 3, created_at: at(22, 1) }),
    generation({ id: 2, created_at: at(21, 23) }),
    generation({ id: 1, created_at: at(3, 9) }),
  ])
  const clock = createClock()
  const { result: days, stop } = withSetup(
    () => useDays(list),
    (app) => app.provide(clockKey, clock),
  )
  const named = () => days.value.map(({ name, items }) => [name, items.map((item) => item.id)])
  expect(named()).toEqual([
    ['Today', [4, 3]],
    ['Yesterday', [2]],
    ['3 Nov 2026', [1]],
  ])
  vi.setSystemTime(new Date(2026, 10, 23, 0, 0, 5))
  vi.advanceTimersByTime(1000)
  expect(named()[0]).toEqual(['Yesterday', [4, 3]])
  stop()
  clock.stop()
})
