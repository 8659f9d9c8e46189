import { createPinia } from 'pinia'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createApp } from 'vue'
import { fakeServer } from '@/test-helpers'
import { createRouter } from '.'
import type { Visit } from '@/api/first'
import { overviewPaths } from '@/api/admin'
import { libraryPaths, studioPaths } from '@/api/sora'
import { firstViews, sendForVisit } from './firstViews'

afterEach(() => void vi.unstubAllGlobals())

it.each(Object.keys(firstViews))(
  '[UI-1] finds at %s the views that were sent for first',
  { timeout: 60_000 },
  async (path) => {
    const app = createApp({ render: () => null }).use(createPinia())
    fakeServer().provide(app)
    const router = createRouter({ learn: async () => undefined, speak: async () => undefined })
    const loaders = router.resolve(path).matched.map(({ components }) => components?.default)
    const views = loaders.flatMap((load) => (typeof load === 'function' ? [(load as () => Promise<unknown>)()] : []))
    expect(views.length).toBeGreaterThan(0)
    expect(await Promise.all(firstViews[path]!.code())).toEqual(await Promise.all(views))
  },
)

it.each<[string, object, object, string[]]>([
  ['/', { role: 'admin' }, {}, overviewPaths()],
  ['/dashboard', { role: 'user' }, {}, []],
  ['/sora', { role: 'user' }, { sora_client_enabled: true }, studioPaths],
  ['/sora', { role: 'user' }, { sora_client_enabled: true, simple_mode: true }, []],
  ['/sora/library', { role: 'user' }, { sora_client_enabled: true }, [...libraryPaths, ...studioPaths]],
  ['/sora/library', { role: 'user' }, { sora_client_enabled: false }, []],
  ['/sora/library?kind=image', { role: 'user' }, { sora_client_enabled: true }, studioPaths],
  ['/keys', { role: 'user' }, {}, []],
])('[UI-1] asks at %s for %o what that view will', async (address, user, settings, paths) => {
  const ask = vi.fn(async (_path: string) => Response.json({ data: [] }))
  vi.stubGlobal('fetch', ask)
  sendForVisit(address, { user, settings } as Visit, 'en')
  expect(ask.mock.calls.map(([path]) => path)).toEqual(paths)
})

describe('an address of administration', () => {
  it('[AD-1] has its words and its view on their way at the same time', async () => {
    const server = fakeServer()
    server.answers['GET /api/v1/settings/public'] = () => ({ language: 'en' })
    server.answers['GET /api/v1/auth/me'] = () => ({ id: 1, role: 'admin' })
    const app = createApp({ render: () => null })
    server.provide(app)
    app.use(createPinia())
    let come = () => {}
    const words = new Promise<void>((resolve) => (come = resolve))
    const router = createRouter({ learn: () => words, speak: async () => undefined })
    const view = vi.fn(async () => ({ render: () => null }))
    router.addRoute({ path: '/made', component: view, meta: { requiresAdmin: true, adminWords: true } })

    const there = router.push('/made')
    await vi.waitFor(() => expect(view).toHaveBeenCalled())
    expect(router.currentRoute.value.path).toBe('/')
    come()
    await there
    expect(router.currentRoute.value.path).toBe('/made')
  })
})
