import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { withSetup } from '@/test-helpers'
import { createToasts, toastsKey } from '../useToasts'
import { useDraft } from './useDraft'
import { maxImageBytes, useReferenceImage } from './useReferenceImage'

const png = (size = 3) => new File([new Uint8Array(size)], 'dot.png', { type: 'image/png' })
let stop: () => void
let allowed = true

function begin() {
  const toasts = createToasts()
  const made = withSetup(
    () => {
      const draft = useDraft(0)
      return { draft, toasts, ...useReferenceImage(draft, () => allowed) }
    },
    (app) => app.provide(toastsKey, toasts),
  )
  stop = made.stop
  return made.result
}

beforeEach(() => (allowed = true))
afterEach(() => {
  stop()
  vi.restoreAllMocks()
})

it('[UI-3] takes an image as it is, with its name', async () => {
  const { take, draft } = begin()
  await take(png())
  expect(draft.image.value).toEqual({ value: 'data:image/png;base64,AAAA', name: 'dot.png' })
})

it('[UI-3] refuses what is no image, what is too large, and any image where the model takes none', async () => {
  const { take, draft, toasts } = begin()
  await take(new File(['<svg/>'], 'a.svg', { type: 'image/svg+xml' }))
  expect(toasts.current.value?.text).toContain('JPEG, PNG')
  const large = png()
  Object.defineProperty(large, 'size', { value: maxImageBytes + 1 })
  await take(large)
  expect(toasts.current.value?.text).toContain('20 MB')
  allowed = false
  await take(png())
  expect(toasts.current.value?.text).toContain('no reference image')
  await take(null)
  expect(draft.image.value).toBeNull()
})

it('says so when an image cannot be read', async () => {
  const { take, draft, toasts } = begin()
  vi.spyOn(FileReader.prototype, 'readAsDataURL').mockImplementation(function (this: FileReader) {
    queueMicrotask(() => this.onerror?.(new ProgressEvent('error') as ProgressEvent<FileReader>))
  })
  await take(png())
  expect(toasts.current.value?.text).toBe('The image could not be read.')
  expect(draft.image.value).toBeNull()
})
