import { createApp, defineComponent, type App } from 'vue'
import { createMemoryHistory, createRouter, type Router } from 'vue-router'
import { ApiError, apiKey, createApi } from '@/api'
import type { Client } from '@/api/client'
import type { Generation, Page } from '@/api/types'
import { createMessages } from '@/i18n'
import adminEn from '@/locales/admin.en.json'
import adminZh from '@/locales/admin.zh.json'
import en from '@/locales/en.json'
import zh from '@/locales/zh.json'

/** Both languages, whole. */
export const allWords = { en: { ...en, ...adminEn }, zh: { ...zh, ...adminZh } }

/** A finished video, but for what a test says otherwise. */
export function generation(fields: Partial<Generation> = {}): Generation {
  return {
    id: 1,
    model: 'sora2-landscape-10s',
    prompt: 'A lighthouse in fog',
    media_type: 'video',
    status: 'completed',
    storage_type: 's3',
    created_at: '2026-11-21T14:00:00Z',
    ...fields,
  }
}

export function pageOf<T>(data: T[]): Page<T> {
  return { data, total: data.length, page: 1, page_size: 100 }
}

/** A server that answers as a test says, by "GET /api/…", and writes down what it was asked. */
export function fakeServer() {
  const answers: Record<string, (sent: any) => unknown> = {}
  const asked: [what: string, sent: unknown][] = []

  async function ask(what: string, sent?: unknown): Promise<any> {
    asked.push([what, sent])
    if (!answers[what]) throw new ApiError(404, 'not_found', `${what} is not here`)
    return answers[what](sent)
  }

  const client: Client = {
    headers: () => ({}),
    get: (path, query) => ask(`GET ${path}`, query),
    post: (path, body) => ask(`POST ${path}`, body),
    patch: (path, body) => ask(`PATCH ${path}`, body),
    del: (path) => ask(`DELETE ${path}`),
  }
  return {
    answers,
    asked,
    /** What was sent each time to one address. */
    sentTo: (what: string) => asked.filter(([name]) => name === what).map(([, sent]) => sent),
    provide: (app: App) => void app.provide(apiKey, createApi(client)),
  }
}

/** Of one view, which it shows with whatever query. */
export async function queryRouter(address = '/'): Promise<Router> {
  const routes = [{ path: '/', component: { render: () => null } }]
  const router = createRouter({ history: createMemoryHistory(), routes })
  await router.push(address)
  return router
}

/** Runs a composable inside a small English app; `prepare` provides what it injects. */
export function withSetup<T>(
  composable: () => T,
  prepare: (app: App) => void = () => undefined,
): { result: T; stop: () => void } {
  let result: T | undefined
  const app = createApp(
    defineComponent({
      setup() {
        result = composable()
        return () => null
      },
    }),
  )
  app.use(createMessages('en', allWords))
  prepare(app)
  app.mount(document.createElement('div'))
  let running = true
  const stop = () => {
    if (running) app.unmount()
    running = false
  }
  return { result: result as T, stop }
}
