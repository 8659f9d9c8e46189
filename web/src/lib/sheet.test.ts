import { describe, expect, it } from 'vitest'
import { generation } from '@/test-helpers'
import { inRows, layOut, neighbour, type Sheet } from './sheet'

const frames = { wide: [1280, 720], square: [1024, 1024], tall: [720, 1280] } as const
type Frame = keyof typeof frames

function works(...shapes: Frame[]) {
  return shapes.map((shape, n) => generation({ id: 1000 - n, width: frames[shape][0], height: frames[shape][1] }))
}

function many(n: number) {
  const order: Frame[] = ['wide', 'tall', 'square', 'wide', 'wide', 'tall', 'wide']
  return works(...Array.from({ length: n }, (_, i) => order[i % order.length]!))
}

const cells = (sheet: Sheet) => sheet.places.map(({ column, row, span }) => [column, row, span])

describe('the contact sheet', () => {
  it('[UI-7] gives each work the column that ends first', () => {
    expect(cells(layOut(works('tall', 'wide', 'square', 'wide', 'wide'), 3))).toEqual([
      [0, 0, 3],
      [1, 0, 1],
      [2, 0, 2],
      [1, 1, 1],
      [1, 2, 1],
    ])
  })

  it('crops a portrait in a single column', () => {
    expect(layOut(works('tall', 'wide'), 1).rows).toBe(3)
  })

  it('leaves no two works on one place, and none out of order', () => {
    const { places } = layOut(many(500), 4)
    const taken = new Set<string>()
    for (const { column, row, span } of places)
      for (let unit = row; unit < row + span; unit++) {
        expect(taken.has(`${column} ${unit}`)).toBe(false)
        taken.add(`${column} ${unit}`)
      }
    expect(places.every((place, n) => n === 0 || place.row >= places[n - 1]!.row)).toBe(true)
  })

  it('comes out the same, whether works are placed at once or page by page', () => {
    const all = many(300)
    let grown = layOut(all.slice(0, 50), 4)
    for (let n = 100; n <= 300; n += 50) grown = layOut(all.slice(0, n), 4, grown)
    expect(cells(grown)).toEqual(cells(layOut(all, 4)))
  })

  it('moves up what follows a work that is taken away, and follows another number of columns', () => {
    const all = many(40)
    const before = layOut(all, 4)
    const rest = all.filter((_, n) => n !== 7)
    expect(cells(layOut(rest, 4, before))).toEqual(cells(layOut(rest, 4)))
    expect(cells(layOut(all, 2, before))).toEqual(cells(layOut(all, 2)))
  })

  it('knows exactly which works can be seen', () => {
    const sheet = layOut(many(400), 4)
    for (const from of [0, 17, 60]) {
      const [first, end] = inRows(sheet, from, from + 8)
      sheet.places.forEach((place, n) => {
        if (place.row + place.span > from && place.row < from + 8) expect(n >= first && n < end).toBe(true)
      })
      expect(end - first).toBeLessThan(60)
    }
  })

  it('[UI-7] leads the arrow keys to the work beside', () => {
    const sheet = layOut(works('tall', 'wide', 'square', 'wide', 'wide', 'wide'), 3)
    expect(neighbour(sheet, 0, 'right')).toBe(1)
    expect(neighbour(sheet, 0, 'left')).toBe(-1)
    expect(neighbour(sheet, 1, 'down')).toBe(3)
    expect(neighbour(sheet, 3, 'up')).toBe(1)
    expect(neighbour(sheet, 3, 'right')).toBe(2)
    expect(neighbour(sheet, 1, 'up')).toBe(-1)
    expect(neighbour(sheet, 99, 'up')).toBe(-1)
  })

  it('reaches every work by going down and right', () => {
    const sheet = layOut(many(60), 4)
    const reached = new Set<number>([0])
    const waiting = [0]
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop())
      for (const direction of ['right', 'down', 'left', 'up'] as const) {
        const next = neighbour(sheet, at, direction)
        if (next >= 0 && !reached.has(next)) waiting.push(next)
        if (next >= 0) reached.add(next)
      }
    expect(reached.size).toBe(60)
  })
})
