import { mount } from '@vue/test-utils'
import { expect, it } from 'vitest'
import { ref } from 'vue'
import { soraKey, type Sora } from '@/composables/sora/useSora'
import { createMessages } from '@/i18n'
import { allWords } from '@/test-helpers'
import SoraQuotaBar from './SoraQuotaBar.vue'

it.each([
  ['en', '462 KB used'],
  ['zh', '已用 462 KB'],
] as const)('[UI-2, UI-9] says what is used of a quota without a limit as %s puts it', (language, words) => {
  const quota = ref({ quota_bytes: 0, used_bytes: 462 * 1024, available_bytes: null, quota_source: 'unlimited' })
  const sora = { quota } as unknown as Sora
  const bar = mount(SoraQuotaBar, {
    global: { plugins: [createMessages(language, allWords)], provide: { [soraKey as symbol]: sora } },
  })
  expect(bar.text()).toBe(words)
})
