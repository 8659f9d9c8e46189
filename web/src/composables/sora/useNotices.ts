import { onScopeDispose } from 'vue'

export interface Notice {
  title: string
  body: string
  /** One notice of a tag replaces the one before it. */
  tag: string
  /** Where pressing it leads. */
  path: string
}

/** Through the service worker where there is one: phones know no other way. */
async function notify({ title, body, tag, path }: Notice, open: (path: string) => void) {
  const worker = await navigator.serviceWorker?.getRegistration?.().catch(() => undefined)
  if (worker?.active) return worker.showNotification(title, { body, tag, data: { path } })
  const notification = new Notification(title, { body, tag })
  notification.onclick = () => {
    window.focus()
    notification.close()
    open(path)
  }
}

/** Tells someone who is looking elsewhere: a notification of the system, and a title that blinks until they come back. */
export function useNotices(open: (path: string) => void = () => undefined) {
  let blink: ReturnType<typeof setInterval> | undefined
  let quietTitle = ''
  let blinkText = ''

  function stopBlinking() {
    if (blink === undefined) return
    clearInterval(blink)
    blink = undefined
    if (document.title === blinkText) document.title = quietTitle
  }

  /** What else stands in the title is the page's: it may have changed since. */
  function swap() {
    if (document.title === blinkText) {
      document.title = quietTitle
    } else {
      quietTitle = document.title
      document.title = blinkText
    }
  }

  function startBlinking(text: string) {
    stopBlinking()
    blinkText = text
    swap()
    blink = setInterval(swap, 1000)
  }

  /** Browsers only ask in answer to something a person did. */
  function askPermission() {
    if ('Notification' in window && Notification.permission === 'default') void Notification.requestPermission()
  }

  async function tell(notice: Notice) {
    if (!document.hidden) return
    startBlinking(notice.title)
    if (!('Notification' in window) || Notification.permission !== 'granted') return
    // A browser may still refuse; the title blinks all the same.
    await notify(notice, open).catch(() => undefined)
  }

  function onVisible() {
    if (!document.hidden) stopBlinking()
  }

  document.addEventListener('visibilitychange', onVisible)
  onScopeDispose(() => {
    document.removeEventListener('visibilitychange', onVisible)
    stopBlinking()
  })
  return { askPermission, tell }
}
