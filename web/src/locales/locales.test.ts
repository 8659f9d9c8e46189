import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createMessages } from '@/i18n'
import { allWords } from '@/test-helpers'
import { findStrayStrings } from '../../scripts/stray-strings.mjs'
import adminEn from './admin.en.json'
import adminZh from './admin.zh.json'
import names from './languages.json'
import start from './start.json'

type Tree = { [key: string]: string | Tree }

function flatten(tree: Tree, prefix = ''): Map<string, string> {
  const flat = new Map<string, string>()
  for (const [key, value] of Object.entries(tree)) {
    if (typeof value === 'string') flat.set(prefix + key, value)
    else for (const [inner, text] of flatten(value, `${prefix}${key}.`)) flat.set(inner, text)
  }
  return flat
}

const src = join(import.meta.dirname, '..')
const english = flatten({ ...allWords.en, ...names.en })
const chinese = flatten({ ...allWords.zh, ...names.zh })
/** Before any catalogue has come. */
const starts = { en: flatten(start.en), zh: flatten(start.zh) }

function sources(): { file: string; text: string }[] {
  return readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(ts|vue)$/.test(file) && !file.endsWith('.test.ts'))
    .map((file) => ({ file, text: readFileSync(join(src, file), 'utf8') }))
}

/** The files that a page can come to without passing one of `walls`. */
function reachable(from: string, walls: RegExp): string[] {
  const found = new Set([from])
  for (const file of found) {
    const text = readFileSync(join(src, file), 'utf8')
    for (const [, path] of text.matchAll(/(?:from|import\()\s*'([@.]\/?[^']+)'/g)) {
      const target = path!.startsWith('@/') ? path!.slice(2) : join(dirname(file), path!)
      const next = [target, `${target}.ts`, `${target}/index.ts`].find(
        (name) => /\.(ts|vue)$/.test(name) && existsSync(join(src, name)),
      )
      if (next && !walls.test(next)) found.add(next)
    }
  }
  return [...found]
}

describe('the catalogues', () => {
  it('[UI-9] have the same keys in both languages', () => {
    expect([...chinese.keys()].sort()).toEqual([...english.keys()].sort())
    expect([...starts.zh.keys()]).toEqual([...starts.en.keys()])
  })

  it('[UI-9] have the same figures in both languages, and no empty text', () => {
    const names = (text: string) => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort().join()
    for (const [key, text] of english) {
      expect(names(chinese.get(key)!), key).toBe(names(text))
      expect(text.trim() && chinese.get(key)!.trim(), key).not.toBe('')
    }
  })

  it('[UI-9] can all be read by the page', () => {
    // Seen without its types, which would check every key against every other.
    const make = createMessages as unknown as (...given: unknown[]) => {
      global: { t: (key: string, figures: object, options: object) => string }
    }
    const translate = make('en', allWords).global.t
    for (const locale of ['en', 'zh']) {
      for (const [key, text] of locale === 'en' ? english : chinese) {
        const figures = Object.fromEntries([...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => [name!, 2]))
        expect(translate(key, figures, { locale }), `${locale} ${key}`).not.toMatch(/[{}]/)
      }
    }
  })

  it('[UI-9] have every key that the page asks for by name', () => {
    const missing: string[] = []
    for (const { file, text } of sources()) {
      for (const [, key] of text.matchAll(/\bt\(\s*'([\w.]+)'/g))
        if (!english.has(key!)) missing.push(`${file}: ${key}`)
      for (const [, start] of text.matchAll(/\bt\(\s*`([\w.]+\.)\$\{/g)) {
        if (![...english.keys()].some((key) => key.startsWith(start!))) missing.push(`${file}: ${start}*`)
      }
    }
    expect(missing).toEqual([])
  })

  it('[UI-9] keep what administration alone says apart', () => {
    expect(Object.keys(adminZh)).toEqual(Object.keys(adminEn))
    const ofAdmin = new RegExp(`['"\`](${Object.keys(adminEn).join('|')})\\.\\w`)
    const everybodys = reachable('main.ts', /^views\/admin\/.*\.vue$/)
    expect(everybodys).toContain('components/sora/SoraPromptBar.vue')
    expect(everybodys.filter((file) => ofAdmin.test(readFileSync(join(src, file), 'utf8')))).toEqual([])
    expect(
      reachable('views/admin/UsersView.vue', /^$/).some((file) => ofAdmin.test(readFileSync(join(src, file), 'utf8'))),
    ).toBe(true)
  })

  it('[UI-9] hold nothing that the page does not ask for', () => {
    const text = sources()
      .map((source) => source.text)
      .join()
    const starts = [...text.matchAll(/`([\w.]+\.)\$\{/g)].map(([, start]) => start!)
    const idle = [...english.keys()].filter(
      (key) =>
        !text.includes(`'${key}'`) && !text.includes(`"${key}"`) && !starts.some((start) => key.startsWith(start)),
    )
    expect(idle).toEqual([])
  })

  it('[UI-9] hold every word that the page shows', () => {
    expect(findStrayStrings(src)).toEqual([])
  })
})
