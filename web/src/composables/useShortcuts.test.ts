import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { withSetup } from '@/test-helpers'
import { useShortcuts } from './useShortcuts'

const search = vi.fn()
let stop: () => void

function press(target: EventTarget, more: KeyboardEventInit = {}) {
  const event = new KeyboardEvent('keydown', { key: '/', bubbles: true, cancelable: true, ...more })
  target.dispatchEvent(event)
  return event.defaultPrevented
}

beforeEach(() => {
  document.body.innerHTML = '<input /><textarea></textarea><button></button>'
  search.mockClear()
  stop = withSetup(() => useShortcuts({ '/': search })).stop
})
afterEach(() => {
  stop()
  document.body.innerHTML = ''
})

it('acts on a single key anywhere on the page', () => {
  expect(press(document.querySelector('button')!)).toBe(true)
  expect(search).toHaveBeenCalledOnce()
  expect(press(document.body, { key: 'x' })).toBe(false)
})

it('leaves the keys to someone who writes, to a dialog, and to the browser', () => {
  for (const name of ['input', 'textarea']) press(document.querySelector(name)!)
  press(document.body, { ctrlKey: true })
  press(document.body, { metaKey: true })
  document.body.insertAdjacentHTML('beforeend', '<div role="dialog"></div>')
  press(document.querySelector('button')!)
  expect(search).not.toHaveBeenCalled()
})

it('ends with its page', () => {
  stop()
  press(document.body)
  expect(search).not.toHaveBeenCalled()
})
