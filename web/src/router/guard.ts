import type { RouteLocationNormalized, RouteLocationRaw } from 'vue-router'

declare module 'vue-router' {
  interface RouteMeta {
    requiresAuth?: boolean
    requiresAdmin?: boolean
    /** What administrators see here needs their part of the catalogues. */
    adminWords?: boolean
    /** For people who are not signed in. */
    guestOnly?: boolean
    /** Only where people may register. */
    registering?: boolean
    /** Dark in every theme: sign-in and Sora. */
    lightsDown?: boolean
    title?: string
    section?: string
  }
}

export interface GuardSession {
  user: unknown
  isAdmin: boolean
  settings: { registration_enabled: boolean }
}

/** Only a path of this page may follow sign-in, never another site. */
export function safeReturn(target: unknown): string {
  return typeof target === 'string' && target.startsWith('/') && !/^\/[/\\]/.test(target) ? target : '/'
}

/** Where someone is sent instead, or true where they may go. */
export function guard(to: RouteLocationNormalized, session: GuardSession): true | RouteLocationRaw {
  if (to.meta.guestOnly && session.user) return safeReturn(to.query.next)
  // Sign-in says whom to ask.
  if (to.meta.registering && !session.settings.registration_enabled) return { name: 'login', query: to.query }
  if (to.meta.requiresAuth && !session.user) {
    return { name: 'login', query: to.fullPath === '/' ? {} : { next: to.fullPath } }
  }
  if (to.meta.requiresAdmin && !session.isAdmin) return { name: 'dashboard' }
  return true
}
