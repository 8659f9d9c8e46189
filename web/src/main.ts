import { createPinia } from 'pinia'
import { createApp, watch } from 'vue'
import App from './App.vue'
import { apiKey, createApi } from './api'
import { createClient } from './api/client'
import { clockKey, createClock } from './composables/useClock'
import { confirmKey, createConfirm } from './composables/useConfirm'
import { createEvents, eventsKey } from './composables/useEvents'
import { createToasts, toastsKey } from './composables/useToasts'
import { applyLanguage, createMessages } from './i18n'
import { createRouter } from './router'
import { usePreferences } from './stores/preferences'
import { useSession } from './stores/session'
import './styles/index.css'

const app = createApp(App)
const clock = createClock()
const pinia = createPinia()
app.use(pinia)

const preferences = usePreferences(pinia)
const i18n = createMessages(preferences.language)
watch(
  () => preferences.language,
  (language) => applyLanguage(i18n, language),
  { immediate: true },
)

const client = createClient({
  language: () => preferences.language,
  onUnauthorized: () => useSession(pinia).expire(),
  onServerTime: clock.learn,
})
app.provide(apiKey, createApi(client))
app.provide(clockKey, clock)
app.provide(eventsKey, createEvents())
app.provide(toastsKey, createToasts())
app.provide(confirmKey, createConfirm())
app.use(i18n)
app.use(createRouter())
app.mount('#app')
