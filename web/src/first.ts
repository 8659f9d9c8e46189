// What the first view waits for is sent for at once: the page's own code is the largest part of it, and would
// ask for the others only when it has come. Nothing that is imported here may import Vue.
import { sendFirst } from './api/first'
import { catalogues } from './i18n/catalogues'
import { firstLanguage } from './lib/language'
import { sendForView } from './router/firstViews'
import './styles/index.css'

const language = firstLanguage()
sendFirst(language)
catalogues.page[language]().catch(() => undefined)
sendForView(location.pathname)
import('./main').catch(() => setTimeout(() => location.reload(), 3000))
