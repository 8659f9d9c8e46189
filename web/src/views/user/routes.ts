import type { RouteRecordRaw } from 'vue-router'
import { useSession } from '@/stores/session'

/** With the part of it that this person sees, which the view itself would ask for only later. */
function loadDashboard() {
  const part = useSession().isAdmin ? import('@/views/admin/OverviewView.vue') : import('./OwnDashboard.vue')
  part.catch(() => undefined)
  return import('./DashboardView.vue')
}

const meta = { requiresAuth: true, requiresAdmin: false }

export const userRoutes: RouteRecordRaw[] = [
  { path: '', redirect: { name: 'dashboard' } },
  {
    path: 'dashboard',
    name: 'dashboard',
    component: loadDashboard,
    meta: { ...meta, title: 'nav.dashboard', adminWords: true },
  },
  {
    path: 'sora',
    component: () => import('./SoraView.vue'),
    meta: { ...meta, lightsDown: true },
    children: [
      {
        path: '',
        name: 'sora',
        component: () => import('@/components/sora/SoraGeneratePage.vue'),
        meta: { title: 'sora.generate', section: 'nav.sora' },
      },
      {
        path: 'library',
        name: 'sora-library',
        component: () => import('@/components/sora/SoraLibraryPage.vue'),
        meta: { title: 'sora.library', section: 'nav.sora' },
      },
    ],
  },
  { path: 'keys', name: 'keys', component: () => import('./KeysView.vue'), meta: { ...meta, title: 'nav.keys' } },
  {
    path: 'uploads',
    name: 'uploads',
    component: () => import('./UploadsView.vue'),
    meta: { ...meta, title: 'nav.uploads' },
  },
  {
    path: 'account',
    name: 'account',
    component: () => import('./AccountView.vue'),
    meta: { ...meta, title: 'nav.account' },
  },
]
