import type { RouteRecordRaw } from 'vue-router'

const meta = { requiresAuth: true, requiresAdmin: true, adminWords: true }

export const adminRoutes: RouteRecordRaw[] = [
  {
    path: 'admin/users',
    name: 'admin-users',
    component: () => import('./UsersView.vue'),
    meta: { ...meta, title: 'nav.users' },
  },
  {
    path: 'admin/groups',
    name: 'admin-groups',
    component: () => import('./GroupsView.vue'),
    meta: { ...meta, title: 'nav.groups' },
  },
  {
    path: 'admin/accounts',
    name: 'admin-accounts',
    component: () => import('./AccountsView.vue'),
    meta: { ...meta, title: 'nav.accounts' },
  },
  {
    path: 'admin/jobs',
    name: 'admin-jobs',
    component: () => import('./JobsView.vue'),
    meta: { ...meta, title: 'nav.jobs' },
  },
  {
    path: 'admin/audit',
    name: 'admin-audit',
    component: () => import('./AuditView.vue'),
    meta: { ...meta, title: 'nav.audit' },
  },
  {
    path: 'admin/settings',
    name: 'admin-settings',
    component: () => import('./SettingsView.vue'),
    meta: { ...meta, title: 'nav.settings' },
  },
]
