import { expect, it, vi } from 'vitest'
import { useSubmit } from './useSubmit'

it('runs one submission at a time, and keeps what went wrong until the next', async () => {
  let end!: () => void
  const work = vi.fn(() => new Promise<void>((resolve) => (end = resolve)))
  const { busy, error, submit } = useSubmit(work)
  const first = submit()
  void submit()
  expect(busy.value).toBe(true)
  expect(work).toHaveBeenCalledOnce()
  end()
  await first
  expect(busy.value).toBe(false)
  const wrong = new Error('no')
  work.mockRejectedValueOnce(wrong)
  await submit()
  expect(error.value).toBe(wrong)
  const last = submit()
  expect(error.value).toBeNull()
  end()
  await last
})
