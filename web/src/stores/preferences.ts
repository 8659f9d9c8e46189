import { defineStore } from 'pinia'
import { ref, watch } from 'vue'
import { asLanguage, firstLanguage, languageKey, ownLanguage, type Language } from '@/lib/language'
import { browserStore } from '@/lib/storage'

export { languages, type Language } from '@/lib/language'
export type Theme = 'system' | 'light' | 'dark'

const themeKey = 'kinora.theme'

/** Language and theme of this browser. */
export const usePreferences = defineStore('preferences', () => {
  const own = ownLanguage()
  const language = ref<Language>(firstLanguage())
  const stored = browserStore.read(themeKey)
  const theme = ref<Theme>(stored === 'light' || stored === 'dark' ? stored : 'system')

  /** The server's own language, where neither the person nor the browser names one we have. */
  function offerLanguage(server: string) {
    if (!own) language.value = asLanguage(server) ?? 'zh'
  }

  function setLanguage(next: Language) {
    language.value = next
    browserStore.write(languageKey, next)
  }

  watch(
    theme,
    (next) => {
      if (next === 'system') delete document.documentElement.dataset.theme
      else document.documentElement.dataset.theme = next
      browserStore.write(themeKey, next === 'system' ? null : next)
    },
    { immediate: true },
  )

  return { language, theme, setLanguage, offerLanguage }
})
