import type { RouteRecordRaw } from 'vue-router'

export const authRoutes: RouteRecordRaw[] = [
  {
    path: '/login',
    name: 'login',
    component: () => import('./LoginView.vue'),
    meta: { title: 'auth.signIn', lightsDown: true, guestOnly: true },
  },
  {
    path: '/register',
    name: 'register',
    component: () => import('./RegisterView.vue'),
    meta: { title: 'auth.register', lightsDown: true, guestOnly: true, registering: true },
  },
  {
    path: '/setup',
    name: 'setup',
    component: () => import('./SetupView.vue'),
    meta: { title: 'setup.title', lightsDown: true },
  },
  {
    path: '/oauth/callback',
    name: 'oauth-callback',
    component: () => import('./OauthCallbackView.vue'),
    meta: { title: 'oauthCallback.title', lightsDown: true },
  },
]
