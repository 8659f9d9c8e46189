import { defineStore } from 'pinia'
import { ref, watch } from 'vue'
import { readStored, writeStored } from '@/lib/storage'

export const languages = ['zh', 'en'] as const
export type Language = (typeof languages)[number]
export type Theme = 'system' | 'light' | 'dark'

const languageKey = 'kinora.language'
const themeKey = 'kinora.theme'

function asLanguage(text: string | null | undefined): Language | null {
  const short = text?.toLowerCase().split('-')[0]
  return short === 'zh' || short === 'en' ? short : null
}

/** Language and theme of this browser. */
export const usePreferences = defineStore('preferences', () => {
  const chosen = asLanguage(readStored(languageKey))
  const browser = navigator.languages.map(asLanguage).find((language) => language !== null)
  const language = ref<Language>(chosen ?? browser ?? 'zh')
  const stored = readStored(themeKey)
  const theme = ref<Theme>(stored === 'light' || stored === 'dark' ? stored : 'system')

  /** The server's own language, where neither the person nor the browser names one we have. */
  function offerLanguage(server: string) {
    if (!chosen && !browser) language.value = asLanguage(server) ?? 'zh'
  }

  function setLanguage(next: Language) {
    language.value = next
    writeStored(languageKey, next)
  }

  watch(
    theme,
    (next) => {
      if (next === 'system') delete document.documentElement.dataset.theme
      else document.documentElement.dataset.theme = next
      writeStored(themeKey, next === 'system' ? null : next)
    },
    { immediate: true },
  )

  return { language, theme, setLanguage, offerLanguage }
})
