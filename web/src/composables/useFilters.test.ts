import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createMemoryHistory, createRouter, type Router } from 'vue-router'
import { withSetup } from '@/test-helpers'
import { useFilters } from './useFilters'

let router: Router
/** The code of /audit, which is long on its way. */
let arrive: () => void
let stop: () => void = () => undefined

const query = () => router.currentRoute.value.query
const settled = () => vi.advanceTimersByTimeAsync(0)

async function begin(address: string) {
  await router.push(address)
  const made = withSetup(
    () =>
      useFilters({ q: '', model: '', kind: 'any' }, { choices: { kind: ['image', 'video'] }, typed: ['q', 'model'] }),
    (app) => app.use(router),
  )
  stop = made.stop
  return made.result
}

beforeEach(() => {
  vi.useFakeTimers()
  const component = { render: () => null }
  const late = new Promise<typeof component>((resolve) => (arrive = () => resolve(component)))
  router = createRouter({
    history: createMemoryHistory(),
    routes: [
      { path: '/jobs', component },
      { path: '/audit', component: () => late },
      { path: '/users', component },
    ],
  })
})
afterEach(() => {
  stop()
  vi.useRealTimers()
})

describe("a list's filters", () => {
  it('[AD-1] are what an address says, as far as that makes sense', async () => {
    const { filter, page } = await begin('/jobs?q=fog&kind=video&page=3')
    expect([{ ...filter }, page.value]).toEqual([{ q: 'fog', model: '', kind: 'video' }, 3])
    for (const odd of ['page=0', 'page=-1', 'page=2.5', 'page=x', 'page=1e9', 'kind=toString', 'kind=&page=', 'kind']) {
      await router.replace(`/jobs?${odd}`)
      expect([{ ...filter }, page.value], odd).toEqual([{ q: '', model: '', kind: 'any' }, 1])
    }
    await router.replace('/jobs?q=fog&q=rain')
    expect(filter.q).toBe('fog')
  })

  it('[AD-1] stand in the address, and leave alone what else does', async () => {
    const { filter, page } = await begin('/jobs?dialog=new')
    page.value = 2
    await settled()
    expect(query()).toEqual({ dialog: 'new', page: '2' })
    filter.kind = 'image'
    await settled()
    expect(query()).toEqual({ dialog: 'new', kind: 'image' })
    filter.kind = 'any'
    await settled()
    expect(query()).toEqual({ dialog: 'new' })
  })

  it('[AD-1] wait for the typing to rest, unless something is chosen', async () => {
    const { filter, asked } = await begin('/jobs?page=4')
    for (const text of ['k', 'ki', ' kite ']) {
      filter.q = text
      await vi.advanceTimersByTimeAsync(200)
    }
    expect([asked.value.page, asked.value.words.q]).toEqual([4, ''])
    await vi.advanceTimersByTimeAsync(50)
    expect([asked.value.page, asked.value.words.q, filter.q]).toEqual([1, 'kite', ' kite '])
    filter.model = 'sora'
    await settled()
    filter.kind = 'video'
    await settled()
    expect(query()).toEqual({ q: 'kite', model: 'sora', kind: 'video' })
  })

  it('[AD-1] are as they were when one goes back, and none where a link says none', async () => {
    const { filter, page, asked } = await begin('/jobs?q=fog')
    await router.push('/jobs?kind=video&page=2')
    expect([{ ...filter }, page.value]).toEqual([{ q: '', model: '', kind: 'video' }, 2])
    filter.q = 'never asked'
    router.back()
    await settled()
    await vi.advanceTimersByTimeAsync(1000)
    expect([{ ...filter }, page.value]).toEqual([{ q: 'fog', model: '', kind: 'any' }, 1])
    const before = asked.value
    await router.push('/jobs?q=fog&dialog=new')
    expect(asked.value).toBe(before)
    await router.push('/jobs')
    expect(filter.q).toBe('')
  })

  it('[AD-1] work in whatever way a link spells the path', async () => {
    const { filter, asked } = await begin('/Jobs/?kind=image')
    filter.kind = 'video'
    await settled()
    expect([query(), asked.value.words.kind]).toEqual([{ kind: 'video' }, 'video'])
    filter.kind = 'any'
    await settled()
    expect([query(), asked.value.words.kind]).toEqual([{}, 'any'])
    await router.push('/jobs?kind=image')
    expect(filter.kind).toBe('image')
  })

  it('[AD-1] do not call off the way to another view, and stay out of its address', async () => {
    const { filter, page, asked } = await begin('/jobs?q=fog&page=2')
    filter.q = 'foggy'
    await settled()
    const gone = router.push('/audit?page=5')
    await vi.advanceTimersByTimeAsync(1000)
    page.value = 1
    filter.kind = 'image'
    await settled()
    arrive()
    await gone
    expect(router.currentRoute.value.fullPath).toBe('/audit?page=5')
    expect(asked.value).toEqual({ page: 2, words: { q: 'fog', model: '', kind: 'any' } })
  })

  it('[AD-1] go on where the way to another view was given up', async () => {
    const { filter } = await begin('/jobs')
    router.beforeEach((to) => to.path !== '/users')
    await router.push('/users')
    filter.kind = 'image'
    await settled()
    expect(query()).toEqual({ kind: 'image' })
  })
})
