import { afterEach, describe, expect, it, vi } from 'vitest'
import { flushPromises } from '@vue/test-utils'
import { shallowRef } from 'vue'
import { createMemoryHistory, createRouter, type Router } from 'vue-router'
import { ApiError } from '@/api'
import { withSetup } from '@/test-helpers'
import { useRowDialogs } from './useRowDialogs'

const row = (id: number, name = 'rack') => ({ id, name })
let router: Router
let stop: () => void

async function begin(address: string, ...known: ReturnType<typeof row>[]) {
  router = createRouter({
    history: createMemoryHistory(),
    routes: [{ path: '/admin/accounts', component: { render: () => null } }],
  })
  await router.push(address)
  const rows = shallowRef(known)
  const find = vi.fn((id: number) =>
    id === 404 ? Promise.reject(new ApiError(404, 'not_found', '')) : Promise.resolve(row(id, 'far away')),
  )
  const made = withSetup(
    () => useRowDialogs(rows, find),
    (app) => app.use(router),
  )
  stop = made.stop
  return { ...made.result, rows, find }
}

afterEach(() => stop())

describe('the dialogs of a list', () => {
  it('[UI-8] open from the address once the page knows what they need', async () => {
    const { ready, adding, open, find } = await begin('/admin/accounts?dialog=new')
    expect([adding.value, open.value]).toEqual([false, false])
    ready.value = true
    expect([adding.value, open.value]).toEqual([true, true])
    adding.value = false
    await flushPromises()
    expect([open.value, router.currentRoute.value.fullPath]).toEqual([false, '/admin/accounts'])
    expect(find).not.toHaveBeenCalled()
  })

  it('[UI-8] hold an entry as it was when its dialog opened, until Back or closing', async () => {
    const { ready, editing, rows } = await begin('/admin/accounts?dialog=7', row(6), row(7))
    await flushPromises()
    expect(editing.value).toBeNull()
    ready.value = true
    await flushPromises()
    const [, first] = rows.value
    expect(editing.value).toBe(first)
    rows.value = [row(7, 'renamed')]
    await flushPromises()
    expect(editing.value).toBe(first)
    editing.value = null
    await flushPromises()
    expect([editing.value, router.currentRoute.value.fullPath]).toEqual([null, '/admin/accounts'])
    editing.value = row(7)
    await flushPromises()
    expect([editing.value?.name, router.currentRoute.value.query.dialog]).toEqual(['renamed', '7'])
    router.back()
    await flushPromises()
    expect(editing.value).toBeNull()
  })

  it('[UI-8] ask for an entry that the list does not show, and open nothing for one that is not there', async () => {
    const { ready, editing, find } = await begin('/admin/accounts?dialog=9', row(7))
    ready.value = true
    await flushPromises()
    expect(editing.value?.name).toBe('far away')
    await router.push('/admin/accounts?dialog=404')
    await flushPromises()
    expect([editing.value, find.mock.calls]).toEqual([null, [[9], [404]]])
    await router.push('/admin/accounts?dialog=nonsense')
    await flushPromises()
    expect([editing.value, find.mock.calls.length]).toEqual([null, 2])
  })

  it('[UI-8] are about the same while they leave', async () => {
    const { ready, editing, adding, open, subject } = await begin('/admin/accounts', row(7))
    ready.value = true
    editing.value = row(7)
    await flushPromises()
    expect([open.value, subject.value?.id]).toEqual([true, 7])
    open.value = false
    await flushPromises()
    expect([open.value, subject.value?.id]).toEqual([false, 7])
    adding.value = true
    await flushPromises()
    expect([open.value, subject.value]).toEqual([true, null])
  })
})
