import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { withSetup } from '@/test-helpers'
import { usePageFiles } from './usePageFiles'

const take = vi.fn()
const image = new File(['x'], 'dot.png', { type: 'image/png' })
let made: ReturnType<typeof withSetup<ReturnType<typeof usePageFiles>>>

function drag(name: string, types = ['Files'], files = [image]) {
  const event = new Event(name, { bubbles: true, cancelable: true })
  Object.assign(event, { dataTransfer: { types, files } })
  document.body.dispatchEvent(event)
  return event.defaultPrevented
}

function paste(files: File[]) {
  const event = new Event('paste', { bubbles: true, cancelable: true })
  Object.assign(event, { clipboardData: { files } })
  document.body.dispatchEvent(event)
  return event.defaultPrevented
}

beforeEach(() => {
  take.mockClear()
  made = withSetup(() => usePageFiles(take, (file) => file.type.startsWith('image/')))
})
afterEach(() => made.stop())

it('[UI-3] shows that a file can be dropped while it is over the page, whatever it passes over', () => {
  const { dragging } = made.result
  drag('dragenter')
  drag('dragenter')
  drag('dragleave')
  expect(dragging.value).toBe(true)
  drag('dragleave')
  expect(dragging.value).toBe(false)
  drag('dragenter', ['text/plain'])
  expect(dragging.value).toBe(false)
})

it('[UI-3] takes a dropped file, and lets none replace the page', () => {
  drag('dragenter')
  expect(drag('dragover')).toBe(true)
  expect(drag('drop')).toBe(true)
  expect(take).toHaveBeenCalledWith(image)
  expect(made.result.dragging.value).toBe(false)
  expect(drag('drop', ['text/plain'])).toBe(false)
})

it('[UI-3] takes a pasted image, and leaves words to the field they are pasted into', () => {
  expect(paste([new File(['x'], 'a.txt', { type: 'text/plain' }), image])).toBe(true)
  expect(take).toHaveBeenCalledWith(image)
  expect(paste([])).toBe(false)
})
