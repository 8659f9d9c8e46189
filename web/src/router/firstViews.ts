/** Where most visits begin. The code of these views comes beside the page's own, which would ask for it only once it
 * knows who is there. */
export const firstViews: Record<string, () => Promise<unknown>[]> = {
  '/login': () => [import('@/views/auth/LoginView.vue')],
  '/sora': () => [import('@/views/user/SoraView.vue'), import('@/components/sora/SoraGeneratePage.vue')],
  '/sora/library': () => [import('@/views/user/SoraView.vue'), import('@/components/sora/SoraLibraryPage.vue')],
}

/** Sends for the view at this address. Whether it comes is asked when the view is due. */
export function sendForView(path: string) {
  for (const code of firstViews[path]?.() ?? []) code.catch(() => undefined)
}
