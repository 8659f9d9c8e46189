import { createApp, defineComponent, type App } from 'vue'
import type { Generation } from '@/api/types'
import { createMessages } from '@/i18n'
import en from '@/locales/en.json'
import zh from '@/locales/zh.json'

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
  app.use(createMessages('en', { en, zh }))
  prepare(app)
  app.mount(document.createElement('div'))
  return { result: result as T, stop: () => app.unmount() }
}
