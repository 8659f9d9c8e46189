import { beforeEach, expect, it } from 'vitest'
import { generation, withSetup } from '@/test-helpers'
import { createToasts, toastsKey } from '../useToasts'
import { useDraft } from './useDraft'
import { useReuse } from './useReuse'

beforeEach(() => sessionStorage.clear())

function begin() {
  const toasts = createToasts()
  const both = () => {
    const draft = useDraft(1)
    return { draft, ...useReuse(draft) }
  }
  const { result, stop } = withSetup(both, (app) => void app.provide(toastsKey, toasts))
  return { toasts, stop, ...result }
}

it('[UI-4] takes the prompt to its field with the image that was sent from here', () => {
  const { toasts, draft, references, reuse, promptWanted, stop } = begin()
  references.set(1, 'data:image/png;base64,AA')
  reuse(generation({ id: 1, params: { image_input: true } }))
  expect([draft.prompt.value, promptWanted.value]).toEqual(['A lighthouse in fog', true])
  expect(draft.image.value).toEqual({ value: 'data:image/png;base64,AA', name: '' })
  expect(toasts.current.value).toBeNull()
  stop()
})

it('[UI-4] goes by the address of an image that the server still knows, and says where there is none', () => {
  const { toasts, draft, referenceOf, reuse, stop } = begin()
  const known = generation({ params: { image_url: 'https://pictures.example/a.png', image_input: true } })
  expect(referenceOf(known)).toBe('https://pictures.example/a.png')
  reuse(known)
  expect([draft.image.value?.value, toasts.current.value]).toEqual(['https://pictures.example/a.png', null])
  reuse(generation({ id: 2, params: { image_input: true } }))
  expect([draft.image.value, toasts.current.value?.tone]).toEqual([null, 'warn'])
  stop()
})
