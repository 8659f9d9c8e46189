import type { Generation } from '@/api/types'
import { shapeOf, type Shape } from './generation'

/** Where a work stands on the contact sheet, in columns and row units. */
export interface Place {
  column: number
  row: number
  span: number
}

export interface Sheet {
  columns: number
  items: readonly Generation[]
  places: readonly Place[]
  rows: number
}

const spans: Record<Shape, number> = { wide: 1, square: 2, tall: 3 }
const largestSpan = 3

/** Row units of a shape; in a single column a portrait would fill the screen, so it is cropped. */
export function spanOf(shape: Shape, columns: number): number {
  return columns === 1 ? Math.min(2, spans[shape]) : spans[shape]
}

function lowest(heights: number[]): number {
  return heights.indexOf(Math.min(...heights))
}

/** Each work takes the column that ends first, so their rows never go back and the order is that of time.
 * What `known` already places is not placed again when works were only added at the end. */
export function layOut(items: readonly Generation[], columns: number, known?: Sheet): Sheet {
  const places: Place[] = []
  const heights = new Array<number>(columns).fill(0)
  const kept = known?.columns === columns ? known : undefined
  let moved = kept === undefined
  items.forEach((item, index) => {
    const before = kept?.items[index]
    // The same work with the same frame stays where it was, as long as all before it did.
    moved ||= before === undefined || (before !== item && (before.id !== item.id || shapeOf(before) !== shapeOf(item)))
    const place = moved ? next(item) : kept!.places[index]!
    heights[place.column] = place.row + place.span
    places.push(place)
  })

  function next(item: Generation): Place {
    const column = lowest(heights)
    return { column, row: heights[column]!, span: spanOf(shapeOf(item), columns) }
  }

  return { columns, items, places, rows: Math.max(0, ...heights) }
}

/** The first index whose row is not before `row`. */
function firstFrom(places: readonly Place[], row: number): number {
  let low = 0
  let high = places.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (places[middle]!.row < row) low = middle + 1
    else high = middle
  }
  return low
}

/** The works that reach into these rows: from an index up to, not including, another. */
export function inRows({ places }: Sheet, from: number, to: number): [number, number] {
  return [firstFrom(places, Math.floor(from) - largestSpan + 1), firstFrom(places, Math.ceil(to))]
}

export type Direction = 'left' | 'right' | 'up' | 'down'

/** The work beside one, or -1 at the edge of the sheet. */
export function neighbour(sheet: Sheet, index: number, direction: Direction): number {
  const here = sheet.places[index]
  if (!here) return -1
  if (direction === 'left' || direction === 'right') {
    const column = here.column + (direction === 'left' ? -1 : 1)
    return nearest(sheet, here, (place) => place.column === column)
  }
  const below = direction === 'down'
  return nearest(
    sheet,
    { ...here, row: below ? here.row + here.span : here.row - 1 },
    (place) => place.column === here.column && (below ? place.row > here.row : place.row < here.row),
  )
}

/** Of the works around a row that fit, the one whose frame is closest to it. */
function nearest(sheet: Sheet, at: Place, fits: (place: Place) => boolean): number {
  const [from, to] = inRows(sheet, at.row - largestSpan, at.row + at.span + largestSpan)
  let found = -1
  let least = Number.POSITIVE_INFINITY
  for (let index = from; index < to; index++) {
    const place = sheet.places[index]!
    const away = Math.max(place.row - at.row, at.row - (place.row + place.span - 1), 0)
    if (!fits(place) || away >= least) continue
    found = index
    least = away
  }
  return found
}
