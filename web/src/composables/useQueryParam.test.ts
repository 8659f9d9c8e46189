import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { flushPromises } from '@vue/test-utils'
import type { Router } from 'vue-router'
import { queryRouter, withSetup } from '@/test-helpers'
import { useQueryParam } from './useQueryParam'

let router: Router
let stop: () => void = () => undefined

beforeEach(async () => {
  router = await queryRouter('/?kind=image&q=fog')
})
afterEach(() => stop())

function param(name: string, options?: Parameters<typeof useQueryParam>[1]) {
  const made = withSetup(
    () => useQueryParam(name, options),
    (app) => app.use(router),
  )
  stop = made.stop
  return made.result
}

it('[UI-7] reads a word of the address, and its fallback where there is none', async () => {
  expect(param('kind', { fallback: 'all' }).value).toBe('image')
  expect(param('work').value).toBe('')
})

it('[UI-7] changes that word alone, and takes it away when it says nothing', async () => {
  const kind = param('kind', { fallback: 'all' })
  kind.value = 'video'
  await flushPromises()
  expect(router.currentRoute.value.query).toEqual({ kind: 'video', q: 'fog' })
  kind.value = 'all'
  await flushPromises()
  expect(router.currentRoute.value.query).toEqual({ q: 'fog' })
})

it('[UI-7] makes one step of what opens, changes and closes, where that is wanted', async () => {
  const steps = vi.spyOn(router, 'push')
  const work = param('work', { push: true })
  for (const id of ['7', '8']) {
    work.value = id
    await flushPromises()
    expect(router.currentRoute.value.query.work).toBe(id)
  }
  expect(steps).toHaveBeenCalledOnce()
  router.back()
  await flushPromises()
  expect(router.currentRoute.value.query.work).toBeUndefined()
})
