import { describe, expect, it } from 'vitest'
import { mount } from '@vue/test-utils'
import { h, type Component } from 'vue'
import { createI18n, I18nT } from 'vue-i18n'
import { createCompiler } from './compiler'

const words = {
  plain: 'Nothing to say | is not a form'.split(' | ')[0]!,
  figures: '{used} of {limit}, {used} again',
  two: '{n} file | {n} files',
  three: 'no works | 1 work | {n} works',
  one: '{n} 个文件',
  odd: 'a | b {x} costs 1 $ & <b>{',
}
const i18n = createI18n({
  legacy: false,
  locale: 'en',
  messages: { en: words },
  messageCompiler: createCompiler(),
})
const { t } = i18n.global

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

  it('are said around pieces of the page, too', () => {
    const sentence = (keypath: string, slots: Record<string, unknown>, plural?: number) =>
      mount(() => h(I18nT as unknown as Component, { keypath, plural, tag: 'p' }, slots), {
        global: { plugins: [i18n] },
      }).html()
    const used = () => h('b', '1 GB')
    expect(sentence('figures', { used, limit: () => '5 GB' })).toBe('<p><b>1 GB</b> of 5 GB, <b>1 GB</b> again</p>')
    expect(sentence('two', { n: () => h('i', '7') }, 7)).toBe('<p><i>7</i> files</p>')
    expect(sentence('plain', {})).toBe('<p>Nothing to say</p>')
  })
})
