import { onScopeDispose } from 'vue'

/** Tells someone who is looking elsewhere: a notification of the system, and a title that blinks until they come back. */
export function useNotices() {
  let blink: ReturnType<typeof setInterval> | undefined
  let quietTitle = ''

  function stopBlinking() {
    if (blink === undefined) return
    clearInterval(blink)
    blink = undefined
    document.title = quietTitle
  }

  function startBlinking(text: string) {
    stopBlinking()
    quietTitle = document.title
    document.title = text
    blink = setInterval(() => (document.title = document.title === text ? quietTitle : text), 1000)
  }

  /** Browsers only ask in answer to something a person did. */
  function askPermission() {
    if ('Notification' in window && Notification.permission === 'default') void Notification.requestPermission()
  }

  function tell(title: string, body: string, tag: string) {
    if (!document.hidden) return
    startBlinking(title)
    if (!('Notification' in window) || Notification.permission !== 'granted') return
    const notification = new Notification(title, { body, tag })
    notification.onclick = () => {
      window.focus()
      notification.close()
    }
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
