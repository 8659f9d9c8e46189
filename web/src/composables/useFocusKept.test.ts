import { afterEach, expect, it } from 'vitest'
import { shallowRef } from 'vue'
import { withSetup } from '@/test-helpers'
import { useFocusKept } from './useFocusKept'

afterEach(() => document.body.replaceChildren())

function begin() {
  document.body.innerHTML = '<main id="main" tabindex="-1"><div><button>More</button></div><input /></main>'
  return withSetup(() => useFocusKept(shallowRef(document.querySelector('div')))).stop
}

it('[UI-1] takes the focus to the view from a part that goes', () => {
  const stop = begin()
  document.querySelector('button')!.focus()
  stop()
  expect(document.activeElement?.id).toBe('main')
})

it('[UI-1] leaves it where it is elsewhere', () => {
  const stop = begin()
  document.querySelector('input')!.focus()
  stop()
  expect(document.activeElement?.tagName).toBe('INPUT')
})
