import { expect, it } from 'vitest'
import { nextTick, reactive, ref } from 'vue'
import { ApiError } from '@/api'
import { withSetup } from '@/test-helpers'
import { useProblems } from './useProblems'

it('[AD-1] are said as they are typed, once someone has tried, or until what the server refused is changed', async () => {
  const form = reactive({ name: '', size: 'lots' })
  const error = ref<unknown>(null)
  const { result: fields, stop } = withSetup(() =>
    useProblems<'name' | 'size'>({
      form: () => ({ ...form }),
      wrong: () => ({ size: form.size === 'lots' && 'no size' }),
      missing: () => ({ name: form.name === '' && 'no name' }),
      refusals: { name: 'name', name_taken: 'name' },
      error,
    }),
  )
  const said = () => [fields.problem('name'), fields.problem('size'), fields.general.value]
  expect(said()).toEqual([null, 'no size', null])
  expect(fields.attempt()).toBe(false)
  expect(said()).toEqual(['no name', 'no size', null])
  Object.assign(form, { name: 'painters', size: '5 GB' })
  expect(fields.attempt()).toBe(true)
  for (const about of [
    new ApiError(409, 'name_taken', 'taken'),
    new ApiError(400, 'invalid_field', 'taken', { field: 'name' }),
  ]) {
    error.value = about
    expect(said()).toEqual(['taken', null, null])
  }
  error.value = new ApiError(503, 'busy', 'later')
  expect(said()).toEqual([null, null, 'later'])
  form.size = '6 GB'
  await nextTick()
  expect(said()).toEqual([null, null, null])
  fields.forgive()
  form.name = ''
  expect(said()).toEqual([null, null, null])
  stop()
})
