import { expect, it } from 'vitest'
import type { Quota } from '@/api/types'
import { quotaUse } from './quota'

const quota = (used_bytes: number, available_bytes: number | null, quota_bytes = 1000): Quota => ({
  quota_bytes,
  used_bytes,
  available_bytes,
  quota_source: 'user',
})

it('[UI-2] warns above nine tenths of a quota, and is alarmed when nothing is left', () => {
  expect(quotaUse(quota(900, 100))).toEqual({ limited: true, percent: 90, full: false, tone: 'paper' })
  expect(quotaUse(quota(901, 99))).toMatchObject({ full: false, tone: 'warn' })
  expect(quotaUse(quota(1000, 0))).toMatchObject({ percent: 100, full: true, tone: 'danger' })
})

it('[SG-6, UI-2] is full where what is left is reserved, and where a smaller quota came later', () => {
  expect(quotaUse(quota(500, 0))).toMatchObject({ percent: 50, full: true, tone: 'danger' })
  expect(quotaUse(quota(1500, 0))).toMatchObject({ percent: 150, full: true, tone: 'danger' })
})

it('[UI-2] is never full without a limit, nor before it is known', () => {
  const open = { limited: false, percent: 0, full: false, tone: 'paper' }
  expect(quotaUse(quota(1e12, null, 0))).toEqual(open)
  expect(quotaUse(null)).toEqual(open)
})
