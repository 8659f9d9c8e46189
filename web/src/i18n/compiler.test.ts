import { describe, expect, it } from 'vitest'
import { createI18n } from 'vue-i18n'
import { createCompiler } from './compiler'

const words = {
  plain: 'Nothing to say | is not a form'.split(' | ')[0]!,
  figures: '{used} of {limit}, {used} again',
  two: '{n} file | {n} files',
  three: 'no works | 1 work | {n} works',
  one: '{n} 个文件',
  odd: 'a | b {x} costs 1 $ & <b>{',
}
const { t } = createI18n({
  legacy: false,
  locale: 'en',
  messages: { en: words },
  messageCompiler: createCompiler(),
}).global

describe('the messages of the catalogues', () => {
  it('are said with their figures', () => {
    expect(t('plain')).toBe('Nothing to say')
    expect(t('figures', { used: '1 GB', limit: 5 })).toBe('1 GB of 5, 1 GB again')
    expect(t('figures', { used: '$& {limit}', limit: 5 })).toBe('$& {limit} of 5, $& {limit} again')
  })

  it('have the form of their number', () => {
    expect([0, 1, 2].map((n) => t('two', { n }, n))).toEqual(['0 files', '1 file', '2 files'])
    expect([0, 1, 7].map((n) => t('three', { n }, n))).toEqual(['no works', '1 work', '7 works'])
    expect([0, 1, 7].map((n) => t('one', { n }, n))).toEqual(['0 个文件', '1 个文件', '7 个文件'])
  })

  it('keep what is no sign of theirs', () => {
    expect(t('odd', { x: 3 }, 2)).toBe('b 3 costs 1 $ & <b>{')
  })
})
