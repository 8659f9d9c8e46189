import { flushPromises, mount, type VueWrapper } from '@vue/test-utils'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { defineComponent, h, ref, type Component } from 'vue'
import { ApiError } from '@/api'
import { createMessages } from '@/i18n'
import { allWords, fakeServer } from '@/test-helpers'
import GroupDialog from './GroupDialog.vue'
import UserDialog from './UserDialog.vue'

vi.setConfig({ testTimeout: 30_000 })

let page: VueWrapper | undefined
afterEach(() => page?.unmount())

/** The dialog of a new entry, opened. */
async function show(dialog: Component, props: Record<string, unknown>) {
  const open = ref(false)
  const server = fakeServer()
  const holder = defineComponent(() => () => {
    return h(dialog, { ...props, open: open.value, 'onUpdate:open': (next: boolean) => (open.value = next) })
  })
  page = mount(holder, {
    attachTo: document.body,
    global: { plugins: [createMessages('en', allWords), { install: (app) => server.provide(app) }] },
  })
  open.value = true
  await flushPromises()
  return { open, server }
}

const at = (testid: string) => document.querySelector<HTMLInputElement>(`[data-testid="${testid}"]`)!
async function fill(testid: string, text: string) {
  at(testid).value = text
  at(testid).dispatchEvent(new Event('input'))
  await flushPromises()
}
async function click(testid: string) {
  at(testid).click()
  await flushPromises()
}
/** What stands below a field that is wrong. */
const problem = (testid: string) => at(testid).closest('.field')!.querySelector('.error')?.textContent?.trim() ?? null
const whole = () => document.querySelector('.result--danger')?.textContent?.trim() ?? null

function refuse(status: number, code: string, message: string) {
  return () => {
    throw new ApiError(status, code, message)
  }
}

describe('the dialog of a person', () => {
  const path = 'POST /api/v1/admin/users'
  const begin = () => show(UserDialog, { user: null, groups: [{ id: 1, name: 'default' }] })

  it('[AD-1] says which field is missing once someone has tried to go on without it', async () => {
    const { server, open } = await begin()
    expect([problem('user-email'), problem('user-password')]).toEqual([null, null])
    await click('user-submit')
    expect([problem('user-email'), problem('user-password')]).toEqual([
      'This field is required.',
      'This field is required.',
    ])
    await fill('user-email', 'mia')
    expect(problem('user-email')).toBe('This is not a complete email address.')
    await fill('user-email', 'mia@example.org')
    await fill('user-password', 'short')
    await fill('user-quota', 'lots')
    expect([problem('user-email'), problem('user-password'), problem('user-quota')]).toEqual([
      null,
      'Use at least 8 characters.',
      'Write a size, such as 5 GB or 500 MB.',
    ])
    await click('user-submit')
    expect([server.sentTo(path), open.value]).toEqual([[], true])
    await fill('user-password', 'a long enough one')
    await fill('user-quota', '')
    server.answers[path] = (body) => ({ id: 2, ...body })
    await click('user-submit')
    expect(open.value).toBe(false)
  })

  it('[AD-1] has what the server refuses beside the field it is about, or below all of them', async () => {
    const { server } = await begin()
    await fill('user-email', 'mia@example.org')
    await fill('user-password', 'a long enough one')
    server.answers[path] = refuse(409, 'email_taken', 'Somebody has this address.')
    await click('user-submit')
    expect([problem('user-email'), whole()]).toEqual(['Somebody has this address.', null])
    await fill('user-email', 'mira@example.org')
    expect(problem('user-email')).toBeNull()
    server.answers[path] = refuse(503, 'database_busy', 'Later, please.')
    await click('user-submit')
    expect([problem('user-email'), whole()]).toEqual([null, 'Later, please.'])
  })
})

describe('the dialog of a group', () => {
  const path = 'POST /api/v1/admin/groups'

  it('[AD-1] says what is missing, and what the server refuses, beside the field', async () => {
    const { server, open } = await show(GroupDialog, { group: null })
    await fill('group-platform', ' ')
    await click('group-submit')
    expect([problem('group-name'), problem('group-platform')]).toEqual([
      'This field is required.',
      'This field is required.',
    ])
    await fill('group-name', 'painters')
    await fill('group-platform', 'sora')
    server.answers[path] = refuse(409, 'group_name_taken', 'There is one of this name.')
    await click('group-submit')
    expect([problem('group-name'), whole(), open.value]).toEqual(['There is one of this name.', null, true])
  })
})
