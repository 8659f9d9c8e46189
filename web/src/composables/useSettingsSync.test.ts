import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createPinia } from 'pinia'
import { flushPromises } from '@vue/test-utils'
import { fakeServer, withSetup } from '@/test-helpers'
import { useSession } from '@/stores/session'
import { eventsKey, type LiveEvents } from './useEvents'
import { useSettingsSync } from './useSettingsSync'

const address = 'GET /api/v1/settings/public'
let server: ReturnType<typeof fakeServer>
let told: Set<() => void>
let missed: Set<() => void>
let offered: boolean
let stop: () => void

function begin() {
  const add = (set: Set<() => void>, listener: () => void) => {
    set.add(listener)
    return () => void set.delete(listener)
  }
  const events = {
    on: (name: string, listener: () => void) => add(name === 'settings' ? told : new Set(), listener),
    onMissed: (listener: () => void) => add(missed, listener),
  } as unknown as LiveEvents
  const made = withSetup(
    () => {
      useSettingsSync()
      return useSession()
    },
    (app) => {
      server.provide(app)
      app.use(createPinia()).provide(eventsKey, events)
    },
  )
  stop = made.stop
  return made.result
}

function look(away: boolean) {
  Object.defineProperty(document, 'hidden', { value: away, configurable: true })
  document.dispatchEvent(new Event('visibilitychange'))
}

beforeEach(() => {
  server = fakeServer()
  told = new Set()
  missed = new Set()
  offered = true
  server.answers[address] = () => ({ sora_client_enabled: offered, simple_mode: false, language: 'zh' })
})
afterEach(() => {
  stop()
  look(false)
})

describe('what this server offers', () => {
  it('[ID-5] [UI-1] is asked for again when an event says so, and what is missing stays as it was', async () => {
    const session = begin()
    expect(session.soraShown).toBe(false)
    for (const tell of told) tell()
    await flushPromises()
    expect(session.soraShown).toBe(true)
    delete server.answers[address]
    for (const tell of told) tell()
    await flushPromises()
    expect(session.soraShown).toBe(true)
  })

  it('[ID-5] is asked for after a line that was broken, and when someone looks here again', async () => {
    const session = begin()
    for (const tell of missed) tell()
    await flushPromises()
    expect(session.soraShown).toBe(true)
    offered = false
    look(true)
    await flushPromises()
    expect(session.soraShown).toBe(true)
    look(false)
    await flushPromises()
    expect(session.soraShown).toBe(false)
  })

  it('asks no more once the page is left', async () => {
    begin()
    stop()
    look(false)
    await flushPromises()
    expect([told.size, missed.size, server.asked.length]).toEqual([0, 0, 0])
  })
})
