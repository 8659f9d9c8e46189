import { expect, it, vi } from 'vitest'
import { withSetup } from '@/test-helpers'
import { createLeaving, leavingKey, useBeforeLeaving } from './useLeaving'

it('[ID-4] does what is open before someone signs out, whatever fails of it, and nothing for who has gone', async () => {
  const leaving = createLeaving()
  const works = [
    vi.fn(async () => undefined),
    vi.fn(() => Promise.reject(new Error('no'))),
    vi.fn(async () => undefined),
  ]
  const stops = works.map(
    (work) =>
      withSetup(
        () => useBeforeLeaving(work),
        (app) => app.provide(leavingKey, leaving),
      ).stop,
  )
  stops[2]!()
  await leaving.done()
  expect(works.map((work) => work.mock.calls.length)).toEqual([1, 1, 0])
  stops.forEach((stop) => stop())
})
