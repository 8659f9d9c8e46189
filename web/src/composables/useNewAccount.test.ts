import { expect, it, vi } from 'vitest'
import { ApiError } from '@/api'
import { withSetup } from '@/test-helpers'
import { useNewAccount } from './useNewAccount'

it('[ID-4] is complete with an address and a password of eight characters, and says what is too short', async () => {
  const send = vi.fn(async () => undefined)
  const { result: form, stop } = withSetup(() => useNewAccount(send))
  expect([form.complete.value, form.problems.value.password]).toEqual([false, null])
  form.email.value = ' mia@example.org '
  form.password.value = 'seven 7'
  expect(form.complete.value).toBe(false)
  expect(form.problems.value.password).toMatch(/8/)
  form.email.value = 'mia'
  expect(form.problems.value.email).toBeTruthy()
  form.email.value = ' mia@example.org '
  form.password.value = 'eight  8'
  expect([form.complete.value, form.problems.value.password]).toEqual([true, null])
  await form.submit()
  expect(send).toHaveBeenCalledWith('mia@example.org', 'eight  8')
  stop()
})

it('[ID-4] shows what the server refuses', async () => {
  const refused = () => Promise.reject(new ApiError(409, 'email_taken', 'This address is taken.'))
  const { result: form, stop } = withSetup(() => useNewAccount(refused))
  Object.assign(form.email, { value: 'mia@example.org' })
  form.password.value = 'long enough'
  await form.submit()
  expect(Object.values(form.problems.value)).toEqual(['This address is taken.', null])
  expect(form.busy.value).toBe(false)
  stop()
})

it('[ID-4] shows below the password what is not about the address', async () => {
  const refused = () => Promise.reject(new ApiError(403, 'invalid_setup_token', 'The link is wrong.'))
  const { result: form, stop } = withSetup(() => useNewAccount(refused))
  Object.assign(form.email, { value: 'mia@example.org' })
  form.password.value = 'long enough'
  await form.submit()
  expect(Object.values(form.problems.value)).toEqual([null, 'The link is wrong.'])
  stop()
})
