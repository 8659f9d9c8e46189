import { afterEach, describe, expect, it } from 'vitest'
import { flushPromises } from '@vue/test-utils'
import { shallowRef } from 'vue'
import { createMemoryHistory, createRouter, type Router } from 'vue-router'
import type { Account } from '@/api/types'
import { withSetup } from '@/test-helpers'
import { useAccountDialogs } from './useAccountDialogs'

const account = (id: number, name = 'rack') => ({ id, name }) as Account
let router: Router
let stop: () => void

async function begin(address: string) {
  router = createRouter({
    history: createMemoryHistory(),
    routes: [{ path: '/admin/accounts', component: { render: () => null } }],
  })
  await router.push(address)
  const rows = shallowRef<Account[]>([])
  const made = withSetup(
    () => useAccountDialogs({ rows }),
    (app) => app.use(router),
  )
  stop = made.stop
  return { ...made.result, rows }
}

afterEach(() => stop())

describe('the dialogs of accounts', () => {
  it('[UI-8] open from the address once the page knows what they need', async () => {
    const { ready, adding } = await begin('/admin/accounts?dialog=new')
    expect(adding.value).toBe(false)
    ready.value = true
    expect(adding.value).toBe(true)
    adding.value = false
    await flushPromises()
    expect(router.currentRoute.value.fullPath).toBe('/admin/accounts')
  })

  it('[UI-8] hold the account as it was when its dialog opened, until Back or closing', async () => {
    const { ready, editing, rows } = await begin('/admin/accounts?dialog=7')
    ready.value = true
    await flushPromises()
    expect(editing.value).toBeNull()
    rows.value = [account(6), account(7)]
    await flushPromises()
    const [, first] = rows.value
    expect(editing.value).toBe(first)
    rows.value = [account(7, 'renamed')]
    await flushPromises()
    expect(editing.value).toBe(first)
    editing.value = null
    await flushPromises()
    expect([editing.value, router.currentRoute.value.fullPath]).toEqual([null, '/admin/accounts'])
    editing.value = account(7)
    await flushPromises()
    expect([editing.value?.name, router.currentRoute.value.query.dialog]).toEqual(['renamed', '7'])
    router.back()
    await flushPromises()
    expect(editing.value).toBeNull()
  })

  it('[UI-8] open nothing for an account that is not there', async () => {
    const { ready, editing, rows } = await begin('/admin/accounts?dialog=404')
    rows.value = [account(7)]
    ready.value = true
    await flushPromises()
    expect(editing.value).toBeNull()
  })
})
