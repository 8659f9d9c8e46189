import { createI18n } from 'vue-i18n'
import names from '@/locales/languages.json'
import type { Language } from '@/lib/language'
import { catalogues, type Messages, type Part } from './catalogues'

export type { Messages, Part } from './catalogues'

export function createMessages(language: Language, given: Partial<Record<Language, Partial<Messages>>> = {}) {
  const messages = {
    en: { ...names.en, ...given.en } as Messages,
    zh: { ...names.zh, ...given.zh } as Messages,
  }
  return createI18n<[Messages], Language, false>({ legacy: false, locale: language, messages })
}

export type I18n = ReturnType<typeof createMessages>

/** The words that this page has need of, in the language that it speaks. */
export function createSpeech(i18n: I18n) {
  const needed = new Set<Part>(['page'])

  async function take(part: Part, language: Language): Promise<void> {
    const { default: messages } = await catalogues[part][language]()
    i18n.global.mergeLocaleMessage(language, messages)
  }

  async function load(language: Language): Promise<void> {
    const asked = new Set(needed)
    await Promise.all([...asked].map((part) => take(part, language)))
    // What became needed meanwhile was asked for in the language of that moment.
    for (const part of needed) if (!asked.has(part)) await take(part, language)
  }

  /** From now on another part, too. */
  async function learn(part: Part): Promise<void> {
    needed.add(part)
    await load(i18n.global.locale.value)
  }

  /** Speaks it, and tells so every screen reader and font rule; unless `wanted` has changed meanwhile. */
  async function speak(language: Language, wanted: () => Language): Promise<void> {
    await load(language)
    if (wanted() !== language) return
    i18n.global.locale.value = language
    document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en'
  }

  return { learn, speak }
}

export type Speech = ReturnType<typeof createSpeech>
