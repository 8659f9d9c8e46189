import { flushPromises } from '@vue/test-utils'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { reactive, ref, shallowRef, type App } from 'vue'
import { createMemoryHistory, createRouter, type Router } from 'vue-router'
import { ApiError, apiKey, type Api } from '@/api'
import type { Generation } from '@/api/types'
import { generation, withSetup } from '@/test-helpers'
import { clockKey, type Clock } from '../useClock'
import { createToasts, toastsKey, type Toasts } from '../useToasts'
import { useOpenJob } from './useOpenJob'
import { useOpenWork } from './useOpenWork'
import { soraKey, type Sora } from './useSora'

const now = Date.parse('2026-11-22T10:00:00Z')
const clock: Clock = { now: ref(now), read: () => now, learn: () => undefined }
const get = vi.fn()
let toasts: Toasts
let router: Router
let stop: () => void = () => undefined

beforeEach(() => {
  get.mockReset().mockImplementation(async () => {
    throw new ApiError(404, 'not_found', '')
  })
  toasts = createToasts()
  const component = { render: () => null }
  const routes = [
    { path: '/sora', name: 'sora', component },
    { path: '/sora/library', name: 'sora-library', component },
  ]
  router = createRouter({ history: createMemoryHistory(), routes })
})
afterEach(() => {
  stop()
  document.body.replaceChildren()
})

async function open<T>(address: string, composable: () => T, provide: (app: App) => void): Promise<T> {
  await router.push(address)
  const made = withSetup(composable, (app) => {
    app.use(router).provide(toastsKey, toasts).provide(clockKey, clock)
    provide(app)
  })
  stop = made.stop
  await flushPromises()
  return made.result
}

describe('the job in the address', () => {
  const items = reactive(new Map<number, Generation>())
  const loaded = ref(false)
  const refreshOne = vi.fn(async (id: number) => void items.set(id, await get(id)))
  const sora = { timeline: { items, loaded, refreshOne } } as unknown as Sora
  const show = (address: string) =>
    open(
      address,
      () => useOpenJob({ beforeShown }),
      (app) => app.provide(soraKey, sora),
    )
  const focused = () => document.activeElement?.id
  const beforeShown = vi.fn()

  beforeEach(() => {
    items.clear()
    loaded.value = false
    for (const id of [3, 4]) {
      const card = document.createElement('article')
      Object.assign(card, { id: `job-${id}`, tabIndex: -1, scrollIntoView: () => undefined })
      document.body.append(card)
    }
  })

  it('[UI-4] has the focus once the timeline is there, and the next one when the address changes', async () => {
    items.set(3, generation({ id: 3 }))
    get.mockResolvedValue(generation({ id: 4 }))
    await show('/sora?job=3')
    expect(focused()).toBe('')
    loaded.value = true
    await flushPromises()
    expect([focused(), get.mock.calls]).toEqual(['job-3', []])
    await router.push('/sora?job=4')
    await flushPromises()
    expect([focused(), get.mock.calls]).toEqual(['job-4', [[4]]])
  })

  it('[UI-4] leaves the address, and says so, where there is no such job', async () => {
    loaded.value = true
    await show('/sora?job=404')
    expect(router.currentRoute.value.query).toEqual({})
    expect(toasts.current.value?.text).toContain('no longer here')
  })
})

describe('the work in the address', () => {
  const list = shallowRef<Generation[]>([])
  const loaded = ref(true)
  const show = (address: string) =>
    open(
      address,
      () => useOpenWork(list, loaded),
      (app) => app.provide(apiKey, { sora: { get } } as unknown as Api),
    )

  it('[UI-7] stands among those beside it, or alone where the list does not hold it', async () => {
    list.value = [generation({ id: 1 }), generation({ id: 2 })]
    const { id, items } = await show('/sora/library?work=2')
    expect([id.value, items.value.map((item) => item.id), get.mock.calls]).toEqual([2, [1, 2], []])
    get.mockResolvedValue(generation({ id: 30 }))
    id.value = 30
    await flushPromises()
    expect([id.value, items.value.map((item) => item.id)]).toEqual([30, [30]])
    id.value = null
    await flushPromises()
    expect([id.value, items.value.length, router.currentRoute.value.query]).toEqual([null, 2, {}])
  })

  it('[UI-7] is shown in the timeline where it is not stored here', async () => {
    get.mockResolvedValue(generation({ id: 5, status: 'generating', storage_type: 'none' }))
    await show('/sora/library?work=5')
    expect(router.currentRoute.value.fullPath).toBe('/sora?job=5')
  })

  it('[UI-7] leaves the address, and says so, where it is nobody’s', async () => {
    const { id } = await show('/sora/library?work=404')
    expect([id.value, router.currentRoute.value.query]).toEqual([null, {}])
    expect(toasts.current.value?.text).toContain('no longer here')
  })
})
