import { expect, it, vi } from 'vitest'
import { nextTick } from 'vue'
import { useI18n } from 'vue-i18n'
import { withSetup } from '@/test-helpers'
import { useReread } from './useReread'

it('[UI-9, UI-1] reads again in another language and with the network back, as long as someone is there', async () => {
  const again = vi.fn()
  const { result: locale, stop } = withSetup(() => {
    useReread(() => void again())
    return useI18n().locale
  })
  locale.value = 'zh'
  await nextTick()
  expect(again).toHaveBeenCalledTimes(1)
  dispatchEvent(new Event('online'))
  expect(again).toHaveBeenCalledTimes(2)
  stop()
  dispatchEvent(new Event('online'))
  expect(again).toHaveBeenCalledTimes(2)
})
