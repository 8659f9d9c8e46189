import {
  START_LOCATION,
  createRouter as createVueRouter,
  createWebHistory,
  type RouteLocationNormalized,
} from 'vue-router'
import AppShell from '@/components/layout/AppShell.vue'
import type { Speech } from '@/i18n'
import { useSession } from '@/stores/session'
import { adminRoutes } from '@/views/admin/routes'
import { authRoutes } from '@/views/auth/routes'
import { userRoutes } from '@/views/user/routes'
import { guard } from './guard'

/** Sends for the code of a view; whether it comes is asked when the view is due. */
function sendFor(to: RouteLocationNormalized) {
  for (const { components } of to.matched) {
    for (const view of Object.values(components ?? {})) {
      if (typeof view === 'function') void (view as () => Promise<unknown>)().catch(() => undefined)
    }
  }
}

export function createRouter(speech: Speech) {
  const router = createVueRouter({
    history: createWebHistory(),
    // Nothing was scrolled before the first view, and asking where it stands would have it laid out at once.
    scrollBehavior: (to, from, saved) =>
      saved ?? (to.path === from.path || from === START_LOCATION ? undefined : { top: 0 }),
    routes: [
      ...authRoutes,
      { path: '/', component: AppShell, meta: { requiresAuth: true }, children: [...userRoutes, ...adminRoutes] },
      {
        path: '/:path(.*)*',
        name: 'not-found',
        component: () => import('@/views/NotFoundView.vue'),
        meta: { title: 'notFound.title' },
      },
    ],
  })
  router.beforeEach(async (to) => {
    const session = useSession()
    // The first view's code comes while it is asked who is there.
    if (!session.ready) sendFor(to)
    await session.load()
    // Nothing is known of anyone yet: the address stays, for the next try.
    if (!session.ready) return false
    const answer = guard(to, session)
    // Asked for here and awaited below, so that the view's own code comes meanwhile.
    if (answer === true && session.isAdmin && to.meta.adminWords) speech.learn('admin').catch(() => undefined)
    return answer
  })
  router.beforeResolve(async (to) => {
    if (useSession().isAdmin && to.meta.adminWords) await speech.learn('admin')
  })
  router.afterEach((to) => {
    document.documentElement.classList.toggle(
      'lights-down',
      to.matched.some((record) => record.meta.lightsDown),
    )
  })
  return router
}
