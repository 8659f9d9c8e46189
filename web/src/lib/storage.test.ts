import { beforeEach, expect, it, vi } from 'vitest'
import { browserStore, tabStore } from './storage'

beforeEach(() => {
  localStorage.clear()
  sessionStorage.clear()
})

it('[UI-5] keeps apart what the browser and what the tab keeps', () => {
  expect([browserStore.write('a', 'for long'), tabStore.write('a', 'for now')]).toEqual([true, true])
  expect([localStorage.getItem('a'), sessionStorage.getItem('a')]).toEqual(['for long', 'for now'])
  expect([browserStore.read('a'), tabStore.read('a')]).toEqual(['for long', 'for now'])
  tabStore.write('a', null)
  expect([browserStore.read('a'), sessionStorage.length]).toEqual(['for long', 0])
})

it('[UI-5] takes what is no JSON for nothing', () => {
  tabStore.write('a', '[1, {"b": 2}]')
  expect(tabStore.readJson('a')).toEqual([1, { b: 2 }])
  tabStore.write('a', '[1,')
  expect([tabStore.readJson('a'), tabStore.readJson('never written')]).toEqual([null, null])
})

it('[UI-3] goes on without storage where a browser refuses it or has no more room', () => {
  vi.spyOn(window, 'localStorage', 'get').mockImplementation(() => {
    throw new DOMException('refused', 'SecurityError')
  })
  expect([browserStore.write('a', 'b'), browserStore.write('a', null)]).toEqual([false, false])
  expect([browserStore.read('a'), browserStore.readJson('a')]).toEqual([null, null])
  vi.spyOn(Storage.prototype, 'setItem').mockImplementation(() => {
    throw new DOMException('full', 'QuotaExceededError')
  })
  expect(tabStore.write('a', 'b')).toBe(false)
})
