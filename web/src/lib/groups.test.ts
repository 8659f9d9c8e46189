import { expect, it } from 'vitest'
import type { Group } from '@/api/types'
import { usualGroup } from './groups'

const group = (id: number, name: string) => ({ id, name }) as Group

it('[AD-1] someone new belongs to the default group, whatever stands before it in the list', () => {
  expect(usualGroup([group(7, 'artists'), group(1, 'default')])?.id).toBe(1)
  expect(usualGroup([group(7, 'artists'), group(3, 'writers')])?.id).toBe(3)
  expect(usualGroup([])).toBeUndefined()
})
