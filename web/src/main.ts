import { createPinia } from 'pinia'
import { createApp, watch } from 'vue'
import App from './App.vue'
import { apiKey, createApi } from './api'
import { createClient } from './api/client'
import { fetchFirst } from './api/first'
import { clockKey, createClock } from './composables/useClock'
import { confirmKey, createConfirm } from './composables/useConfirm'
import { createEvents, eventsKey } from './composables/useEvents'
import { createLeaving, leavingKey } from './composables/useLeaving'
import { createToasts, toastsKey } from './composables/useToasts'
import { createMessages, createSpeech } from './i18n'
import { createRouter } from './router'
import { usePreferences, type Language } from './stores/preferences'
import { useSession } from './stores/session'
import { onNotificationPressed, registerServiceWorker } from './lib/serviceWorker'
import { nextTask } from './lib/tasks'

// The page is made in several tasks: in a single one, a phone would stand still long enough to be noticed.
await nextTask()
const app = createApp(App)
const clock = createClock()
const pinia = createPinia()
app.use(pinia)

const preferences = usePreferences(pinia)
const i18n = createMessages(preferences.language)
const speech = createSpeech(i18n)

/** Without its words the page cannot speak: a catalogue that does not come is asked for again. */
function speak(language: Language): Promise<void> {
  return speech
    .speak(language, () => preferences.language)
    .catch(() => new Promise((resolve) => setTimeout(resolve, 3000)).then(() => location.reload()))
}
watch(() => preferences.language, speak)

const client = createClient({
  fetch: fetchFirst,
  language: () => preferences.language,
  onUnauthorized: () => useSession(pinia).expire(),
  onServerTime: clock.learn,
})
app.provide(apiKey, createApi(client))
app.provide(clockKey, clock)
app.provide(eventsKey, createEvents())
app.provide(toastsKey, createToasts())
app.provide(confirmKey, createConfirm())
app.provide(leavingKey, createLeaving())
app.use(i18n)
await nextTask()
const router = createRouter(speech)
onNotificationPressed((path) => void router.push(path))
// The first view is on its way while the words are.
app.use(router)
await speak(preferences.language)
app.mount('#app')

if (import.meta.env.PROD) void registerServiceWorker()
