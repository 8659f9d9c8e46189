import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { effectScope, nextTick, ref, type EffectScope } from 'vue'
import { generation } from '@/test-helpers'
import type { Clock } from '../useClock'
import { useNotices } from './useNotices'
import { useUnsaved } from './useUnsaved'

const notice = { title: 'Your work is ready', body: 'A lighthouse', tag: 'kinora-1', path: '/sora?job=1' }
let scope: EffectScope
const shown = vi.fn()
const open = vi.fn()

class FakeNotification {
  static permission = 'granted'
  static requestPermission = vi.fn()
  static last: FakeNotification
  onclick: (() => void) | null = null
  close = vi.fn()
  constructor(title: string, options: NotificationOptions) {
    shown(title, options.body)
    FakeNotification.last = this
  }
}

function look(away: boolean) {
  Object.defineProperty(document, 'hidden', { value: away, configurable: true })
  document.dispatchEvent(new Event('visibilitychange'))
}

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal('Notification', FakeNotification)
  shown.mockReset()
  document.title = 'Generate'
  scope = effectScope()
})
afterEach(() => {
  scope.stop()
  look(false)
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe('the end of a job', () => {
  it('[UI-5] [V-15] blinks in the title and shows a notification while someone looks elsewhere', async () => {
    const notices = scope.run(() => useNotices(open))!
    look(true)
    await notices.tell(notice)
    expect(shown).toHaveBeenCalledWith('Your work is ready', 'A lighthouse')
    expect(document.title).toBe('Your work is ready')
    vi.advanceTimersByTime(1000)
    expect(document.title).toBe('Generate')
    vi.advanceTimersByTime(1000)
    expect(document.title).toBe('Your work is ready')
    look(false)
    vi.advanceTimersByTime(5000)
    expect(document.title).toBe('Generate')
  })

  it('[UI-5] leaves the title of a page that was opened meanwhile', async () => {
    const notices = scope.run(() => useNotices(open))!
    look(true)
    await notices.tell(notice)
    document.title = 'Library'
    vi.advanceTimersByTime(1000)
    expect(document.title).toBe('Your work is ready')
    look(false)
    expect(document.title).toBe('Library')
  })

  it('[UI-5] says nothing of it to someone who is looking', async () => {
    const notices = scope.run(() => useNotices(open))!
    await notices.tell(notice)
    expect(shown).not.toHaveBeenCalled()
    expect(document.title).toBe('Generate')
  })

  it('[V-15] leads to the job when it is pressed', async () => {
    const notices = scope.run(() => useNotices(open))!
    look(true)
    await notices.tell(notice)
    FakeNotification.last.onclick!()
    expect(open).toHaveBeenCalledWith('/sora?job=1')
    expect(FakeNotification.last.close).toHaveBeenCalledOnce()
  })

  it('[V-15] goes by the service worker where there is one, as phones want it', async () => {
    const showNotification = vi.fn()
    vi.stubGlobal('navigator', { serviceWorker: { getRegistration: async () => ({ active: {}, showNotification }) } })
    const notices = scope.run(() => useNotices(open))!
    look(true)
    await notices.tell(notice)
    const { title, body, tag, path } = notice
    expect(showNotification).toHaveBeenCalledWith(title, { body, tag, data: { path } })
    expect(shown).not.toHaveBeenCalled()
  })

  it('asks for permission only where it was not decided yet', () => {
    const notices = scope.run(() => useNotices(open))!
    notices.askPermission()
    expect(FakeNotification.requestPermission).not.toHaveBeenCalled()
    FakeNotification.permission = 'default'
    notices.askPermission()
    expect(FakeNotification.requestPermission).toHaveBeenCalledOnce()
    FakeNotification.permission = 'granted'
  })
})

describe('leaving', () => {
  it('[UI-5] [V-6] asks while a result is only behind a link, and not once it is downloaded or expired', async () => {
    const end = '2026-11-21T14:00:00Z'
    const now = ref(Date.parse(end) + 60_000)
    const clock: Clock = { now, read: () => now.value, learn: () => undefined }
    const list = ref([generation({ storage_type: 'upstream', completed_at: end })])
    const downloaded = ref(new Set<number>())
    scope.run(() => useUnsaved(list, downloaded.value, clock))
    const leave = () => {
      const event = new Event('beforeunload', { cancelable: true })
      dispatchEvent(event)
      return event.defaultPrevented
    }
    expect(leave()).toBe(true)
    downloaded.value.add(1)
    await nextTick()
    expect(leave()).toBe(false)
    downloaded.value.clear()
    await nextTick()
    expect(leave()).toBe(true)
    now.value += 15 * 60_000
    await nextTick()
    expect(leave()).toBe(false)
  })
})
