import { mount } from '@vue/test-utils'
import { describe, expect, it } from 'vitest'
import DayBars from './DayBars.vue'

const bars = (...hours: [successes: number, failures: number][]) =>
  mount(DayBars, {
    props: { hours: hours.map(([successes, failures]) => ({ successes, failures })), label: 'calls' },
  })
    .findAll('rect')
    .map((rect) => [rect.classes()[0] ?? 'done', Number(rect.attributes('y')), Number(rect.attributes('height'))])

describe('the bars of a day', () => {
  it('[AD-2] fill the height with an hour in which everything failed', () => {
    expect(bars([0, 41])).toEqual([['f', 0, 18]])
  })

  it('[AD-2] show the one failure of a busy hour and the one success of a bad one', () => {
    expect(bars([900, 1])).toEqual([
      ['done', 3, 15],
      ['f', 0, 2],
    ])
    expect(bars([1, 900])).toEqual([
      ['done', 16, 2],
      ['f', 0, 15],
    ])
  })
})
