import { mount } from '@vue/test-utils'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { defineComponent, h, ref } from 'vue'
import { useOnSight } from './useOnSight'

let tell: (near: boolean) => void
const watched = new Set<Element>()

beforeEach(() =>
  vi.stubGlobal(
    'IntersectionObserver',
    class {
      constructor(look: (seen: { isIntersecting: boolean }[]) => void) {
        tell = (near) => watched.size && look([{ isIntersecting: near }])
      }
      observe = (element: Element) => watched.add(element)
      disconnect = () => watched.clear()
    },
  ),
)
afterEach(() => vi.unstubAllGlobals())

function shown() {
  const run = vi.fn()
  const page = mount(
    defineComponent(() => {
      const box = ref<Element | null>(null)
      useOnSight(box, run)
      return () => h('div', { ref: box })
    }),
  )
  return { run, page }
}

it('[AD-2] runs once, when it comes near', () => {
  const { run, page } = shown()
  expect(watched).toEqual(new Set([page.element]))
  tell(false)
  expect(run).not.toHaveBeenCalled()
  tell(true)
  tell(true)
  expect(run).toHaveBeenCalledOnce()
  page.unmount()
})

it('[AD-2] does nothing for what has gone', () => {
  const { run, page } = shown()
  page.unmount()
  tell(true)
  expect(run).not.toHaveBeenCalled()
})
