import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createMemoryHistory, createRouter, type Router } from 'vue-router'
import { withSetup } from '@/test-helpers'
import { useFilters } from './useFilters'

let router: Router
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
  router = createRouter({ history: createMemoryHistory(), routes: [{ path: '/:view', component }] })
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

  it('[AD-1] stay out of the address of another view', async () => {
    const { filter, page } = await begin('/jobs?q=fog&page=2')
    filter.q = 'foggy'
    await settled()
    await router.push('/audit?page=5')
    expect([filter.q, page.value]).toEqual(['foggy', 2])
    const replace = vi.spyOn(router, 'replace')
    stop()
    await vi.advanceTimersByTimeAsync(1000)
    expect(replace).not.toHaveBeenCalled()
  })
})
