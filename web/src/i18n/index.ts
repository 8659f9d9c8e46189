import { createI18n } from 'vue-i18n'
import type en from '@/locales/en.json'
import names from '@/locales/languages.json'
import type { Language } from '@/stores/preferences'
import { createCompiler } from './compiler'

/** The languages' own names are in every page; of the catalogues only the one that is spoken. */
export type Messages = typeof en & (typeof names)['en']

const catalogues: Record<Language, () => Promise<{ default: typeof en }>> = {
  en: () => import('@/locales/en.json'),
  zh: () => import('@/locales/zh.json'),
}

export function createMessages(language: Language, given: Partial<Record<Language, typeof en>> = {}) {
  const messages = {
    en: { ...names.en, ...given.en } as Messages,
    zh: { ...names.zh, ...given.zh } as Messages,
  }
  return createI18n<[Messages], Language, false>({
    legacy: false,
    locale: language,
    messages,
    messageCompiler: createCompiler(),
  })
}

export type I18n = ReturnType<typeof createMessages>

/** Fetches a catalogue, once. */
export async function loadLanguage(i18n: I18n, language: Language): Promise<void> {
  if ('brand' in i18n.global.getLocaleMessage(language)) return
  const { default: messages } = await catalogues[language]()
  i18n.global.setLocaleMessage(language, { ...names[language], ...messages })
}

/** Tells the page, and so every screen reader and font rule, which language it speaks. */
export function applyLanguage(i18n: I18n, language: Language) {
  i18n.global.locale.value = language
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en'
}
