import { beforeEach, expect, it, vi } from 'vitest'
import type { GenerateRequest } from '@/api/types'
import { useOutbox } from './useOutbox'

const request: GenerateRequest = { model: 'sora2-landscape-10s', prompt: 'A lighthouse in fog', media_type: 'video' }
beforeEach(() => sessionStorage.clear())

it('[UI-5] keeps what is on its way for the next life of this tab, for nobody else, and until it is answered', () => {
  const first = useOutbox(1)
  const key = first.begin(request)
  expect(first.left()).toEqual([])
  expect(useOutbox(2).left()).toEqual([])
  const next = useOutbox(1)
  expect(next.left()).toEqual([{ key, request }])
  expect(next.begin(request, key)).toBe(key)
  expect(next.left()).toEqual([])
  next.leave(key)
  expect(next.left()).toHaveLength(1)
  next.end(key, request, true)
  expect(useOutbox(1).left()).toEqual([])
})

it('[UI-4] sends under the same key again what got no answer, and under a new one what did', () => {
  const { begin, end } = useOutbox(1)
  const key = begin(request)
  end(key, request, false)
  const again = begin({ ...request })
  expect(again).toBe(key)
  end(again, request, true)
  expect(begin(request)).not.toBe(key)
})

it('[UI-5] keeps the words of a prompt whose image is larger than a tab may keep', () => {
  const whole = Storage.prototype.setItem
  vi.spyOn(Storage.prototype, 'setItem').mockImplementation(function (this: Storage, name, text) {
    if (text.length > 1000) throw new DOMException('full', 'QuotaExceededError')
    whole.call(this, name, text)
  })
  const image_input = `data:image/png;base64,${'A'.repeat(2000)}`
  const key = useOutbox(1).begin({ ...request, image_input })
  expect(useOutbox(1).left()).toEqual([{ key, request, lostImage: true }])
})

it('[UI-5] takes what it cannot read for nothing', () => {
  for (const text of ['{', '"words"', '[{"key":1},{"key":"a"},{"key":"a","request":{}}]']) {
    sessionStorage.setItem('kinora.outbox.1', text)
    expect(useOutbox(1).left(), text).toEqual([])
  }
})
