// SPDX-License-Identifier: Apache-2.0
// What makes the page installable and lets it open without a line to the server. It never stands
// between the page and a newer one: a view is always asked for at the server first, and only files
// whose name is a hash of their content are served from here.
const SHELL = 'kinora-shell-1'
const ASSETS = 'kinora-assets-1'
const LARGEST = 150

self.addEventListener('install', (event) => {
  event.waitUntil(keepShell(fetch('/', { cache: 'no-cache' })).then(() => self.skipWaiting()))
})

self.addEventListener('activate', (event) => {
  event.waitUntil(forgetOthers().then(() => self.clients.claim()))
})

self.addEventListener('fetch', (event) => {
  const { request } = event
  const url = new URL(request.url)
  if (request.method !== 'GET' || url.origin !== self.location.origin) return
  if (request.mode === 'navigate') {
    if (isView(url.pathname)) event.respondWith(view(event))
  } else if (url.pathname.startsWith('/assets/')) {
    event.respondWith(asset(request))
  }
})

self.addEventListener('notificationclick', (event) => {
  event.notification.close()
  event.waitUntil(show(event.notification.data?.path ?? '/'))
})

/* Addresses of the page itself: no API, no file, no work. */
function isView(path) {
  return !/^\/(api|media|v1|sora\/v1|healthz|readyz|metrics)(\/|$)/.test(path) && !path.split('/').pop().includes('.')
}

/* The page, as the server has it now; without an answer, as it was last. */
async function view(event) {
  try {
    const answer = await fetch(event.request)
    event.waitUntil(keepShell(Promise.resolve(answer.clone())))
    return answer
  } catch {
    return (await caches.match('/', { cacheName: SHELL })) ?? Response.error()
  }
}

/* Keeps the page and the files that it names. */
async function keepShell(asked) {
  const answer = await asked.catch(() => null)
  if (!answer?.ok || answer.redirected || !answer.headers.get('content-type')?.startsWith('text/html')) return
  const page = await answer.clone().text()
  await (await caches.open(SHELL)).put('/', answer)
  const files = [...page.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map((match) => match[1])
  await Promise.all(files.map((path) => asset(new Request(path)).catch(() => undefined)))
}

async function asset(request) {
  const cache = await caches.open(ASSETS)
  const kept = await cache.match(request)
  if (kept) return kept
  const answer = await fetch(request)
  if (answer.ok) {
    await cache.put(request, answer.clone())
    await forgetOldest(cache)
  }
  return answer
}

/* Entries stand in the order in which they came. */
async function forgetOldest(cache) {
  const all = await cache.keys()
  await Promise.all(all.slice(0, Math.max(0, all.length - LARGEST)).map((request) => cache.delete(request)))
}

async function forgetOthers() {
  const names = await caches.keys()
  const others = names.filter((name) => name.startsWith('kinora-') && name !== SHELL && name !== ASSETS)
  await Promise.all(others.map((name) => caches.delete(name)))
}

async function show(path) {
  const [open] = await self.clients.matchAll({ type: 'window', includeUncontrolled: true })
  if (!open) return self.clients.openWindow(path)
  open.postMessage({ open: path })
  return open.focus()
}
