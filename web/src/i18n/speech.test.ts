import { afterEach, describe, expect, it } from 'vitest'
import { createMessages, createSpeech } from '.'

const before = document.documentElement.lang
afterEach(() => (document.documentElement.lang = before))

function begin() {
  const i18n = createMessages('en')
  const { t, te, locale } = i18n.global
  return { ...createSpeech(i18n), t, te, locale }
}

describe('the words of the page', () => {
  it('[UI-9] come with the language, and administration’s when they are needed', async () => {
    const { speak, learn, t, te } = begin()
    await speak('en', () => 'en')
    expect([t('nav.keys'), te('users.add')]).toEqual(['API keys', false])
    await learn('admin')
    expect([t('nav.keys'), t('users.add')]).toEqual(['API keys', 'Add user'])
  })

  it('[UI-9] are there in the next language, too', async () => {
    const { speak, learn, t, locale } = begin()
    await speak('en', () => 'en')
    await learn('admin')
    await speak('zh', () => 'zh')
    expect([locale.value, document.documentElement.lang]).toEqual(['zh', 'zh-CN'])
    expect([t('nav.keys'), t('users.add'), t('language.name')]).toEqual(['API 密钥', '添加用户', '中文'])
  })

  it('[UI-9] are whole when administration is opened while a language is on its way', async () => {
    const { speak, learn, t } = begin()
    await Promise.all([speak('zh', () => 'zh'), learn('admin')])
    expect([t('nav.keys'), t('users.add')]).toEqual(['API 密钥', '添加用户'])
  })

  it('[UI-9] stay as they are where another language was chosen meanwhile', async () => {
    const { speak, locale } = begin()
    await speak('zh', () => 'en')
    expect(locale.value).toBe('en')
  })
})
