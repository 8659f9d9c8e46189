import type adminWords from '@/locales/admin.en.json'
import type words from '@/locales/en.json'
import type names from '@/locales/languages.json'
import type { Language } from '@/lib/language'

/** What every page says, and what administration says beside it. */
export type Part = 'page' | 'admin'

/** The languages' own names are in every page; of the catalogues only what is spoken there. */
export type Messages = typeof words & typeof adminWords & (typeof names)['en']

export const catalogues: Record<Part, Record<Language, () => Promise<{ default: Partial<Messages> }>>> = {
  page: { en: () => import('@/locales/en.json'), zh: () => import('@/locales/zh.json') },
  admin: { en: () => import('@/locales/admin.en.json'), zh: () => import('@/locales/admin.zh.json') },
}
