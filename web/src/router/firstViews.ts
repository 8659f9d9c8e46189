import { overviewPaths } from '@/api/admin'
import { sendPaths, sendPictures, type Visit } from '@/api/first'
import { hasStudio, libraryPath, libraryPaths, newestPath, studioPaths } from '@/api/sora'
import { catalogues } from '@/i18n/catalogues'
import type { Language } from '@/lib/language'

/** Where most visits begin: what is sent for beside the page's own code, which would ask for it only once it knows who
 * is there. */
interface FirstView {
  code: () => Promise<unknown>[]
  /** More of it, for those who see it. */
  forVisit?: (visit: Visit, language: Language) => Wanted
}

interface Wanted {
  code?: Promise<unknown>[]
  /** The questions that this view asks beside the studio's, and the list whose first pictures it shows. */
  paths?: string[]
  pictures?: string
}

export const firstViews: Record<string, FirstView> = {
  '/login': { code: () => [import('@/views/auth/LoginView.vue')] },
  '/dashboard': {
    code: () => [import('@/views/user/DashboardView.vue')],
    forVisit: ({ user }, language) =>
      user.role === 'admin'
        ? { code: [import('@/views/admin/OverviewView.vue'), catalogues.admin[language]()], paths: overviewPaths() }
        : { code: [import('@/views/user/OwnDashboard.vue')] },
  },
  '/sora': {
    code: () => [import('@/views/user/SoraView.vue'), import('@/components/sora/SoraGeneratePage.vue')],
    forVisit: ({ settings }) => (hasStudio(settings) ? { pictures: newestPath } : {}),
  },
  '/sora/library': {
    code: () => [import('@/views/user/SoraView.vue'), import('@/components/sora/SoraLibraryPage.vue')],
    forVisit: ({ settings }) => (hasStudio(settings) ? { paths: libraryPaths, pictures: libraryPath } : {}),
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

/** Sends for what this visitor sees in it, and what the studio asks on every page. An address with a query asks
 * questions of its own. */
export function sendForVisit(address: string, visit: Visit, language: Language): void {
  const { code, paths = [], pictures } = firstViews[atHome(address)]?.forVisit?.(visit, language) ?? {}
  quietly(code)
  sendPaths(hasStudio(visit.settings) ? [...paths, ...studioPaths] : paths, language)
  if (pictures) void sendPictures(pictures)
}
