import { expect, it } from 'vitest'
import { shallowRef } from 'vue'
import { useEditedEntry } from './useEditedEntry'

it('[AD-1] changes the entry that its dialog was opened for, or adds one, and knows the others', () => {
  const list = shallowRef<readonly string[]>(['a', 'b', 'c'])
  const { open, edited, others, edit, keep } = useEditedEntry(
    () => list.value,
    (next) => (list.value = next),
  )
  expect(open.value).toBe(false)
  edit(1)
  expect([open.value, edited.value, others.value]).toEqual([true, 'b', ['a', 'c']])
  keep('B')
  expect(list.value).toEqual(['a', 'B', 'c'])
  edit(null)
  expect([edited.value, others.value]).toEqual([null, ['a', 'B', 'c']])
  keep('d')
  expect(list.value).toEqual(['a', 'B', 'c', 'd'])
  edit(3)
  list.value = ['a']
  expect(edited.value).toBeNull()
})
