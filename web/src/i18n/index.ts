import { createI18n } from 'vue-i18n'
import en from '@/locales/en.json'
import zh from '@/locales/zh.json'
import type { Language } from '@/stores/preferences'

export type Messages = typeof en

export function createMessages(language: Language) {
  return createI18n<[Messages], Language, false>({
    legacy: false,
    locale: language,
    fallbackLocale: 'en',
    messages: { en, zh },
  })
}

export type I18n = ReturnType<typeof createMessages>

/** Tells the page, and so every screen reader and font rule, which language it speaks. */
export function applyLanguage(i18n: I18n, language: Language) {
  i18n.global.locale.value = language
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en'
}
