import {
  KeyRound,
  Layers,
  LayoutGrid,
  ListVideo,
  Plug,
  ScrollText,
  Settings2,
  Sparkles,
  Upload,
  UserRound,
  Users,
} from 'lucide-vue-next'
import type { Component } from 'vue'

export interface NavItem {
  id: string
  /** Key of the visible name. */
  label: string
  route: string
  icon: Component
  hideInSimpleMode?: boolean
  /** Shown only while Sora accounts are active. */
  needsSora?: boolean
}

export interface NavGroup {
  label?: string
  items: NavItem[]
}

const dashboard: NavItem = { id: 'dashboard', label: 'nav.dashboard', route: 'dashboard', icon: LayoutGrid }
const sora: NavItem = {
  id: 'sora',
  label: 'nav.sora',
  route: 'sora',
  icon: Sparkles,
  hideInSimpleMode: true,
  needsSora: true,
}
const keys: NavItem = { id: 'keys', label: 'nav.keys', route: 'keys', icon: KeyRound }
const uploads: NavItem = { id: 'uploads', label: 'nav.uploads', route: 'uploads', icon: Upload }
const account: NavItem = { id: 'account', label: 'nav.account', route: 'account', icon: UserRound }

export const userNavItems: NavItem[] = [dashboard, sora, keys, uploads, account]
export const personalNavItems: NavItem[] = [keys, sora, uploads, account]
export const adminNavItems: NavItem[] = [
  dashboard,
  { id: 'users', label: 'nav.users', route: 'admin-users', icon: Users, hideInSimpleMode: true },
  { id: 'groups', label: 'nav.groups', route: 'admin-groups', icon: Layers, hideInSimpleMode: true },
  { id: 'accounts', label: 'nav.accounts', route: 'admin-accounts', icon: Plug },
  { id: 'jobs', label: 'nav.jobs', route: 'admin-jobs', icon: ListVideo, hideInSimpleMode: true },
  { id: 'audit', label: 'nav.audit', route: 'admin-audit', icon: ScrollText },
  { id: 'settings', label: 'nav.settings', route: 'admin-settings', icon: Settings2 },
]

export interface NavContext {
  admin: boolean
  simpleMode: boolean
  soraEnabled: boolean
}

/** What the sidebar shows to this person on this server. */
export function navigation({ admin, simpleMode, soraEnabled }: NavContext): NavGroup[] {
  const shown = (item: NavItem) => !(simpleMode && item.hideInSimpleMode) && (soraEnabled || !item.needsSora)
  if (!admin) return [{ items: userNavItems.filter(shown) }]
  return [
    { label: 'nav.administration', items: adminNavItems.filter(shown) },
    { label: 'nav.mine', items: personalNavItems.filter(shown) },
  ]
}
