import { computed, nextTick, onMounted, onScopeDispose, ref, shallowRef, watch, type Ref } from 'vue'
import type { Generation } from '@/api/types'
import { inRows, layOut, neighbour, type Direction, type Sheet } from '@/lib/sheet'

/** Rendered beyond each edge of the screen, in screens. */
const overscan = 0.5
/** Before the page knows its own size, which it does before it is painted. */
const firstTiles = 4

export interface Tile {
  item: Generation
  index: number
  style: { left: string; top: string; width: string; height: string }
}

const px = (value: number) => `${value.toFixed(2)}px`

function isSame(one: Tile, other: Tile): boolean {
  const { left, top, width, height } = one.style
  const { style } = other
  return (
    one.item === other.item &&
    one.index === other.index &&
    left === style.left &&
    top === style.top &&
    width === style.width &&
    height === style.height
  )
}

/** A contact sheet of any length, of which only what is near the screen exists; `box` is its element. */
export function useSheet(items: Readonly<Ref<readonly Generation[]>>, box: Readonly<Ref<HTMLElement | null>>) {
  const columns = ref(4)
  const gap = ref(12)
  const width = ref(0)
  /** The part of the sheet that is on the screen, in pixels from its top. */
  const seen = ref({ from: 0, to: 0 })
  /** The work that has, or is about to have, the focus: it exists wherever it stands. */
  const held = ref<number | null>(null)

  const sheet = shallowRef<Sheet>(layOut([], columns.value))
  watch([items, columns], ([next, count]) => (sheet.value = layOut(next, count, sheet.value)), {
    immediate: true,
    flush: 'sync',
  })

  const columnWidth = computed(() => (width.value - (columns.value - 1) * gap.value) / columns.value)
  const unit = computed(() => columnWidth.value * 0.5625 + gap.value)
  const height = computed(() => Math.max(0, sheet.value.rows * unit.value - gap.value))

  const range = computed<[number, number]>(() => {
    if (width.value === 0) return [0, Math.min(firstTiles, items.value.length)]
    const { from, to } = seen.value
    const more = (to - from) * overscan
    return inRows(sheet.value, (from - more) / unit.value, (to + more) / unit.value)
  })

  function tile(index: number): Tile {
    const { column, row, span } = sheet.value.places[index]!
    const style = {
      left: px(column * (columnWidth.value + gap.value)),
      top: px(row * unit.value),
      width: px(columnWidth.value),
      height: px(span * unit.value - gap.value),
    }
    return { item: items.value[index]!, index, style }
  }

  const from = computed(() => range.value[0])
  const to = computed(() => range.value[1])
  const kept = computed(() => (held.value === null ? -1 : items.value.findIndex((item) => item.id === held.value)))

  /** A tile of which nothing has changed is the one before: with each row that comes into view, only that is drawn. */
  const tiles = computed<Tile[]>((before) => {
    const known = new Map(before?.map((each) => [each.item.id, each]))
    const indexes = Array.from({ length: to.value - from.value }, (_, n) => from.value + n)
    if (kept.value >= 0 && kept.value < from.value) indexes.unshift(kept.value)
    if (kept.value >= to.value) indexes.push(kept.value)
    return indexes.map(tile).map((next) => {
      const old = known.get(next.item.id)
      return old && isSame(old, next) ? old : next
    })
  })
  /** The last works are near: the next page is wanted. */
  const nearEnd = computed(() => to.value >= items.value.length)

  function measure() {
    if (!box.value) return
    const style = getComputedStyle(box.value)
    columns.value = Number.parseInt(style.getPropertyValue('--cols'), 10) || 4
    gap.value = Number.parseFloat(style.getPropertyValue('--g')) || 12
    width.value = box.value.clientWidth
    look()
  }

  function look() {
    if (!box.value) return
    const { top } = box.value.getBoundingClientRect()
    seen.value = { from: -top, to: innerHeight - top }
  }

  /** Moves the focus to a work, wherever it stands. */
  async function focus(index: number) {
    const item = items.value[index]
    if (!item) return
    held.value = item.id
    await nextTick()
    const found = box.value?.querySelector<HTMLElement>(`[data-id="${item.id}"] [data-focus]`)
    found?.scrollIntoView?.({ block: 'nearest' })
    found?.focus({ preventScroll: true })
  }

  function move(id: number, direction: Direction) {
    const from = items.value.findIndex((item) => item.id === id)
    const to = neighbour(sheet.value, from, direction)
    if (to >= 0) void focus(to)
  }

  let frame = 0
  const onScroll = () => {
    frame ||= requestAnimationFrame(() => ((frame = 0), look()))
  }
  let observer: ResizeObserver | undefined
  onMounted(() => {
    measure()
    if (box.value && 'ResizeObserver' in window) {
      observer = new ResizeObserver(measure)
      observer.observe(box.value)
    }
    addEventListener('scroll', onScroll, { passive: true })
    addEventListener('resize', measure)
  })
  onScopeDispose(() => {
    observer?.disconnect()
    cancelAnimationFrame(frame)
    removeEventListener('scroll', onScroll)
    removeEventListener('resize', measure)
  })

  return { tiles, height, nearEnd, held, focus, move }
}
