import { beforeEach, expect, it } from 'vitest'
import { nextTick } from 'vue'
import { withSetup } from '@/test-helpers'
import { useDraft } from './useDraft'

beforeEach(() => {
  sessionStorage.clear()
  localStorage.clear()
})
const draft = (owner: number) => withSetup(() => useDraft(owner)).result

it('[UI-3, UI-5] keeps its words through a reload of the tab, from the moment they are typed, for their owner', () => {
  draft(1).prompt.value = 'half a thought'
  expect(draft(1).prompt.value).toBe('half a thought')
  expect(draft(2).prompt.value).toBe('')
  expect(draft(1).image.value).toBeNull()
})

it('[UI-3] begins with the model, the frame and the length that were chosen last', async () => {
  const { choice } = draft(1)
  expect(choice).toEqual({ family: '', orientation: 'landscape', seconds: 10 })
  Object.assign(choice, { family: 'sora2pro', seconds: 25 })
  await nextTick()
  sessionStorage.clear()
  expect(draft(1).choice).toEqual({ family: 'sora2pro', orientation: 'landscape', seconds: 25 })
  localStorage.setItem('kinora.model', '{')
  expect(draft(1).choice.family).toBe('')
})
