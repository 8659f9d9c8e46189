/** Makes the page installable and lets it open offline. Where it cannot be had, nothing is missing. */
export async function registerServiceWorker(): Promise<void> {
  if (!('serviceWorker' in navigator)) return
  await navigator.serviceWorker.register('/sw.js', { updateViaCache: 'none' }).catch(() => undefined)
}

/** Calls back with the path that a pressed notification leads to. */
export function onNotificationPressed(go: (path: string) => void): void {
  if (!('serviceWorker' in navigator)) return
  navigator.serviceWorker.addEventListener('message', (event: MessageEvent<unknown>) => {
    const path = (event.data as { open?: unknown } | null)?.open
    if (typeof path === 'string' && path.startsWith('/')) go(path)
  })
}
