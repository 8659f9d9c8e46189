import { expect, it } from 'vitest'
import { createPinia } from 'pinia'
import { createMemoryHistory, createRouter } from 'vue-router'
import { fakeServer, withSetup } from '@/test-helpers'
import { useSession } from '@/stores/session'
import { useLogout } from './useLogout'

const component = { render: () => null }
const logout = 'POST /api/v1/auth/logout'

it.each([true, false])(
  '[ID-4] leads to the sign-in page and forgets who it was (server answers: %s)',
  async (answers) => {
    const server = fakeServer()
    if (answers) server.answers[logout] = () => undefined
    server.answers['POST /api/v1/auth/login'] = () => ({ user: { id: 1, role: 'user' } })
    const router = createRouter({
      history: createMemoryHistory(),
      routes: [
        { path: '/account', component },
        { path: '/login', name: 'login', component },
      ],
    })
    await router.push('/account')
    const { result, stop } = withSetup(
      () => ({ session: useSession(), leave: useLogout() }),
      (app) => {
        server.provide(app)
        app.use(createPinia()).use(router)
      },
    )
    await result.session.login('mia@example.org', 'a password')
    await result.leave()
    expect(server.sentTo(logout)).toHaveLength(1)
    expect(result.session.user).toBeNull()
    expect(router.currentRoute.value.name).toBe('login')
    stop()
  },
)
