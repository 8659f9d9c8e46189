import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { nextTick, shallowRef } from 'vue'
import type { Generation } from '@/api/types'
import { generation, withSetup } from '@/test-helpers'
import { useSheet } from './useSheet'

const works = (n: number, from = 100_000) =>
  Array.from({ length: n }, (_, i) => generation({ id: from - i, width: 1280, height: 720 }))

let top = 0
let stop: () => void

function begin(all: Generation[]) {
  const items = shallowRef<readonly Generation[]>(all)
  const element = document.createElement('div')
  element.style.setProperty('--cols', '4')
  element.style.setProperty('--g', '12px')
  Object.defineProperty(element, 'clientWidth', { value: 1176 })
  element.getBoundingClientRect = () => ({ top }) as DOMRect
  document.body.append(element)
  const box = shallowRef<HTMLElement | null>(element)
  const made = withSetup(() => useSheet(items, box))
  stop = () => (made.stop(), element.remove())
  return { items, element, ...made.result }
}

async function scrollTo(pixels: number) {
  top = -pixels
  dispatchEvent(new Event('scroll'))
  await vi.advanceTimersByTimeAsync(20)
}

beforeEach(() => {
  vi.useFakeTimers()
  top = 0
  vi.stubGlobal('innerHeight', 900)
})
afterEach(() => {
  stop()
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

describe('the window on the contact sheet', () => {
  it('[UI-7] shows what is near the screen and nothing else, however many works there are', async () => {
    const { tiles, height, nearEnd } = begin(works(50_000))
    expect(tiles.value.length).toBeLessThan(60)
    expect(tiles.value[0]!.index).toBe(0)
    expect(height.value).toBeGreaterThan(2_000_000)
    expect(nearEnd.value).toBe(false)
    await scrollTo(1_000_000)
    expect(tiles.value.length).toBeLessThan(80)
    const tops = tiles.value.map((tile) => Number.parseFloat(tile.style.top))
    expect(Math.min(...tops)).toBeLessThan(1_000_000)
    expect(Math.max(...tops)).toBeGreaterThan(1_000_900)
  })

  it('[UI-7] draws only what comes into view', async () => {
    const { tiles } = begin(works(500))
    await scrollTo(5_000)
    const before = tiles.value
    await scrollTo(5_001)
    expect(tiles.value).toBe(before)
    await scrollTo(5_200)
    const stayed = tiles.value.filter((tile) => before.some(({ item }) => item === tile.item))
    expect(stayed.length).toBeGreaterThan(20)
    expect(stayed.length).toBeLessThan(tiles.value.length)
    expect(stayed.every((tile) => before.includes(tile))).toBe(true)
  })

  it('[UI-7] wants the next page before the end is reached', async () => {
    const { nearEnd, items, height } = begin(works(200))
    expect(nearEnd.value).toBe(false)
    await scrollTo(height.value - 1200)
    expect(nearEnd.value).toBe(true)
    items.value = works(400)
    expect(nearEnd.value).toBe(false)
  })

  it('leaves the works where they are when more come after them', () => {
    const { tiles, items } = begin(works(60))
    const before = tiles.value.map(({ style }) => style)
    items.value = [...items.value, ...works(60, 50_000)]
    expect(tiles.value.slice(0, before.length).map(({ style }) => style)).toEqual(before)
  })

  it('keeps the work that has the focus, though it is scrolled away', async () => {
    const { tiles, held } = begin(works(1000))
    held.value = 100_000
    await scrollTo(20_000)
    expect(tiles.value[0]!.index).toBe(0)
    expect(tiles.value[1]!.index).toBeGreaterThan(100)
  })

  it('[UI-7] moves the focus to the work beside', async () => {
    const { element, move, focus, tiles } = begin(works(40))
    const draw = async () => {
      await nextTick()
      element.innerHTML = tiles.value
        .map(({ item }) => `<article data-id="${item.id}"><button data-focus></button></article>`)
        .join('')
    }
    await draw()
    const focused = () => document.activeElement?.closest('article')?.dataset.id
    await focus(0)
    expect(focused()).toBe('100000')
    move(100_000, 'right')
    await vi.advanceTimersByTimeAsync(0)
    expect(focused()).toBe('99999')
    move(99_999, 'down')
    await vi.advanceTimersByTimeAsync(0)
    expect(focused()).toBe('99995')
    move(100_000, 'up')
    await vi.advanceTimersByTimeAsync(0)
    expect(focused()).toBe('99995')
  })
})
