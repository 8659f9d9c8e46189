import { flushPromises, mount, type VueWrapper } from '@vue/test-utils'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { defineComponent, h, ref, type Component } from 'vue'
import type { ModelSetting, UploadRule } from '@/api/types'
import { createMessages } from '@/i18n'
import { allWords, fakeServer } from '@/test-helpers'
import ModelsField from './ModelsField.vue'
import UploadRulesField from './UploadRulesField.vue'

vi.setConfig({ testTimeout: 30_000 })

let page: VueWrapper | undefined
afterEach(() => page?.unmount())

/** The editor with its value, as the settings page holds it. */
async function show<T>(editor: Component, first: T, props: Record<string, unknown> = {}) {
  const value = ref(first)
  const server = fakeServer()
  server.answers['GET /api/v1/admin/groups'] = () => ({
    data: [{ id: 2, name: 'painters' }],
    total: 1,
    page: 1,
    page_size: 100,
  })
  const holder = defineComponent(() => () => {
    return h(editor, {
      error: null,
      ...props,
      modelValue: value.value,
      'onUpdate:modelValue': (v: T) => (value.value = v),
    })
  })
  page = mount(holder, {
    attachTo: document.body,
    global: { plugins: [createMessages('en', allWords), { install: (app) => server.provide(app) }] },
  })
  await flushPromises()
  return value
}

const at = (testid: string) => document.querySelector<HTMLElement>(`[data-testid="${testid}"]`)
async function click(testid: string) {
  at(testid)!.click()
  await flushPromises()
}
async function fill(testid: string, text: string) {
  const field = at(testid) as HTMLInputElement
  field.value = text
  field.dispatchEvent(new Event(field.tagName === 'SELECT' ? 'change' : 'input'))
  await flushPromises()
}
async function send(form: string) {
  document.querySelector<HTMLFormElement>(`#${form}`)!.dispatchEvent(new Event('submit', { cancelable: true }))
  await flushPromises()
}
const errors = () => [...document.querySelectorAll('.dialog .error')].map((error) => error.textContent?.trim())

describe('the editor of models', () => {
  const builtIn: ModelSetting[] = [{ id: 'one' }, { id: 'two', media_type: 'image' }]

  it('[ST-11] makes the built-in list one’s own with the first change, and goes back to it', async () => {
    const models = await show<ModelSetting[] | null>(ModelsField, null, { builtIn })
    expect(at('model-reset')).toBeNull()
    await click('model-add')
    await send('model-form')
    expect(errors()).toEqual(['This field is required.'])
    await fill('model-id', 'one')
    expect(errors()).toEqual(['There is another model with this ID.'])
    await fill('model-id', 'wan-2.2')
    await fill('model-seconds', '5, 10')
    await send('model-form')
    expect(models.value?.map((model) => model.id)).toEqual(['one', 'two', 'wan-2.2'])
    expect(models.value?.[2]).toMatchObject({ media_type: 'video', seconds: [5, 10] })
    await click('model-reset')
    expect(models.value).toBeNull()
  })
})

describe('the editor of exceptions', () => {
  it('[UP-5, UP-6] names groups and kinds, and keeps what is written in human units', async () => {
    const rules = await show<UploadRule[]>(UploadRulesField, [{ group_id: 7, max_bytes: 2_000_000 }])
    expect(at('rule-row')!.textContent).toContain('Group 7, every kind')
    expect(at('rule-row')!.textContent).toContain('file up to 1.9 MB')
    await click('rule-add')
    await fill('rule-size', '20 MB')
    await send('rule-form')
    expect(errors()).toEqual(['Choose a group or a kind: what holds for all stands above.'])
    const group = at('rule-group') as HTMLSelectElement
    group.selectedIndex = [...group.options].findIndex((option) => option.text === 'painters')
    group.dispatchEvent(new Event('change'))
    await fill('rule-quota', '10 GB')
    await send('rule-form')
    expect(rules.value[1]).toEqual({ group_id: 2, max_bytes: 20 * 1024 ** 2, quota_bytes: 10 * 1024 ** 3 })
    expect([...document.querySelectorAll('[data-testid="rule-row"]')][1]!.textContent).toContain('painters')
  })
})
