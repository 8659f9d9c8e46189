// What the first view waits for is sent for at once: the page's own code is the largest part of it, and would
// ask for the others only when it has come. Nothing that is imported here may import Vue.
import { sendFirst } from './api/first'
import { catalogues } from './i18n/catalogues'
import { firstLanguage } from './lib/language'
import { nextTask } from './lib/tasks'
import { sendForView, sendForVisit } from './router/firstViews'
import './styles/index.css'

const language = firstLanguage()
const { pathname, search } = location
const visit = sendFirst(language)
catalogues.page[language]().catch(() => undefined)
sendForView(pathname)
void visit.then((known) => known && sendForVisit(pathname + search, known, language))
import('./libraries')
  .then(nextTask)
  .then(() => import('./main'))
  .catch(() => {
    document.getElementById('late')?.removeAttribute('hidden')
    setTimeout(() => location.reload(), 3000)
  })
