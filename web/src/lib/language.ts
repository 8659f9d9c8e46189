import { browserStore } from './storage'

export const languages = ['zh', 'en'] as const
export type Language = (typeof languages)[number]

export const languageKey = 'kinora.language'

export function asLanguage(text: string | null | undefined): Language | null {
  const short = text?.toLowerCase().split('-')[0]
  return short === 'zh' || short === 'en' ? short : null
}

/** What this browser's person chose here, else what the browser speaks; null: neither names one we have. */
export function ownLanguage(): Language | null {
  return asLanguage(browserStore.read(languageKey)) ?? navigator.languages.map(asLanguage).find(Boolean) ?? null
}

/** What is spoken before the server has offered its own. */
export const firstLanguage = (): Language => ownLanguage() ?? 'zh'
