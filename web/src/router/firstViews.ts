import { overviewPaths } from '@/api/admin'
import type { Visit } from '@/api/first'
import { hasStudio, libraryPaths } from '@/api/sora'
import { catalogues } from '@/i18n/catalogues'
import type { Language } from '@/lib/language'

/** Where most visits begin: what is sent for beside the page's own code, which would ask for it only once it knows who
 * is there. */
interface FirstView {
  code: () => Promise<unknown>[]
  /** More of it, and the questions of a view with an address of its own, for those who see them. */
  forVisit?: (visit: Visit, language: Language) => { code?: Promise<unknown>[]; paths?: string[] }
}

export const firstViews: Record<string, FirstView> = {
  '/login': { code: () => [import('@/views/auth/LoginView.vue')] },
  '/dashboard': {
    code: () => [import('@/views/user/DashboardView.vue')],
    forVisit: ({ user }, language) =>
      user.role === 'admin'
        ? { code: [import('@/views/admin/OverviewView.vue'), catalogues.admin[language]()], paths: overviewPaths() }
        : { code: [import('@/views/user/OwnDashboard.vue'), catalogues.admin[language]()] },
  },
  '/sora': { code: () => [import('@/views/user/SoraView.vue'), import('@/components/sora/SoraGeneratePage.vue')] },
  '/sora/library': {
    code: () => [import('@/views/user/SoraView.vue'), import('@/components/sora/SoraLibraryPage.vue')],
    forVisit: ({ settings }) => (hasStudio(settings) ? { paths: libraryPaths } : {}),
  },
}

const atHome = (path: string) => (path === '/' ? '/dashboard' : path)

/** Whether it comes is asked when the view is due. */
function quietly(code: Promise<unknown>[] = []): void {
  for (const part of code) part.catch(() => undefined)
}

/** Sends for the view at this address. */
export function sendForView(path: string): void {
  quietly(firstViews[atHome(path)]?.code())
}

/** Sends for what this visitor sees in it, and gives the questions that it will ask. An address with a query asks its
 * own. */
export function sendForVisit(address: string, visit: Visit | null, language: Language): string[] {
  const { code, paths = [] } = (visit && firstViews[atHome(address)]?.forVisit?.(visit, language)) ?? {}
  quietly(code)
  return paths
}
