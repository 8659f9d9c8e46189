import { describe, expect, it } from 'vitest'
import type { RouteLocationNormalized, RouteMeta } from 'vue-router'
import { userRoutes } from '@/views/user/routes'
import { guard, safeReturn } from './guard'

const to = (meta: RouteMeta, fullPath = '/x', query = {}) =>
  ({ meta, fullPath, query }) as unknown as RouteLocationNormalized
const settings = { registration_enabled: false }
const nobody = { user: null, isAdmin: false, settings }
const user = { user: {}, isAdmin: false, settings }
const admin = { user: {}, isAdmin: true, settings }

describe('who may go where', () => {
  it('sends people who are not signed in to sign-in, and back afterwards', () => {
    expect(guard(to({ requiresAuth: true }, '/sora/library'), nobody)).toEqual({
      name: 'login',
      query: { next: '/sora/library' },
    })
    expect(guard(to({ guestOnly: true }, '/login', { next: '/sora/library' }), user)).toBe('/sora/library')
  })

  it('[ID-4] sends to sign-in who would register where nobody may', () => {
    const form = to({ guestOnly: true, registering: true }, '/register', { next: '/keys' })
    expect(guard(form, nobody)).toEqual({ name: 'login', query: { next: '/keys' } })
    expect(guard(form, { ...nobody, settings: { registration_enabled: true } })).toBe(true)
  })

  it('keeps administration to administrators', () => {
    expect(guard(to({ requiresAuth: true, requiresAdmin: true }), user)).toEqual({ name: 'dashboard' })
    expect(guard(to({ requiresAuth: true, requiresAdmin: true }), admin)).toBe(true)
  })

  it('[UI-1] opens Sora to everyone who is signed in', () => {
    const sora = userRoutes.find((route) => route.path === 'sora')
    expect(sora?.meta).toMatchObject({ requiresAuth: true, requiresAdmin: false })
    expect(guard(to(sora!.meta!), user)).toBe(true)
  })

  it('never returns to another site', () => {
    for (const bad of ['https://evil.example', '//evil.example', '/\\evil.example', undefined, ['/a']])
      expect(safeReturn(bad)).toBe('/')
    expect(safeReturn('/keys')).toBe('/keys')
  })
})
