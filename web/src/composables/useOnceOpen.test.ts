import { expect, it } from 'vitest'
import { nextTick, ref } from 'vue'
import { withSetup } from '@/test-helpers'
import { useOnceOpen } from './useOnceOpen'

it('[UI-3] is there from the first opening on', async () => {
  const open = ref(false)
  const { result, stop } = withSetup(() => useOnceOpen(open))
  expect(result.value).toBe(false)
  open.value = true
  await nextTick()
  open.value = false
  await nextTick()
  expect(result.value).toBe(true)
  stop()
})

it('[UI-3] is there at once for what begins open', () => {
  const { result, stop } = withSetup(() => useOnceOpen(ref(true)))
  expect(result.value).toBe(true)
  stop()
})
