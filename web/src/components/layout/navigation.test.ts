import { describe, expect, it } from 'vitest'
import { navigation, personalNavItems, userNavItems } from './navigation'

const ids = (admin: boolean, soraEnabled = true, simpleMode = false) =>
  navigation({ admin, soraEnabled, simpleMode }).map((group) => group.items.map((item) => item.id))

describe('the sidebar', () => {
  it('[UI-1] [V-17] has Sora after the dashboard for users, and after API keys for admins', () => {
    expect(ids(false)).toEqual([['dashboard', 'sora', 'keys', 'uploads', 'account']])
    expect(ids(true)[1]).toEqual(['keys', 'sora', 'uploads', 'account'])
  })

  it('[UI-1] [V-16] has Sora only while it is enabled', () => {
    expect(ids(false, false).flat()).not.toContain('sora')
    expect(ids(true, false).flat()).not.toContain('sora')
  })

  it('[ID-6] [V-18] hides Sora and the pages for several people in simple mode', () => {
    expect(ids(false, true, true).flat()).not.toContain('sora')
    expect(ids(true, true, true).flat()).toEqual([
      'dashboard',
      'accounts',
      'audit',
      'settings',
      'keys',
      'uploads',
      'account',
    ])
    for (const items of [userNavItems, personalNavItems])
      expect(items.find((item) => item.id === 'sora')?.hideInSimpleMode).toBe(true)
  })
})
