import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createEvents, reconnectDelay, type EventStream } from './useEvents'

class Stream implements EventStream {
  readyState = 0
  onopen: ((event: Event) => void) | null = null
  onerror: ((event: Event) => void) | null = null
  closed = false
  listeners = new Map<string, (event: MessageEvent<string>) => void>()
  addEventListener(name: string, listener: (event: MessageEvent<string>) => void) {
    this.listeners.set(name, listener)
  }
  close() {
    this.closed = true
  }
  send(name: string, data: string) {
    this.listeners.get(name)?.(new MessageEvent(name, { data }))
  }
}

let streams: Stream[]
let stop: () => void
function make() {
  streams = []
  const events = createEvents(() => {
    const stream = new Stream()
    streams.push(stream)
    return stream
  })
  stop = events.stop
  return events
}

beforeEach(() => vi.useFakeTimers())
afterEach(() => {
  stop()
  vi.useRealTimers()
})

describe('the event stream', () => {
  it('[ST-9] hands each event to those who asked for it', () => {
    const events = make()
    const heard = vi.fn()
    const off = events.on('generation', heard)
    events.start()
    streams[0]!.send('generation', '{"id":7,"status":"generating"}')
    streams[0]!.send('quota', '{"used_bytes":1}')
    streams[0]!.send('generation', 'not json')
    expect(heard.mock.calls).toEqual([[{ id: 7, status: 'generating' }]])
    off()
    streams[0]!.send('generation', '{"id":8}')
    expect(heard).toHaveBeenCalledOnce()
  })

  it('[ST-9] tries again after 1, 2, 4 … at most 30 s, and closes what failed', () => {
    expect([1, 2, 3, 4, 5, 6, 60].map(reconnectDelay)).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
    const events = make()
    events.start()
    streams[0]!.onerror?.(new Event('error'))
    expect(streams[0]!.closed).toBe(true)
    vi.advanceTimersByTime(999)
    expect(streams).toHaveLength(1)
    vi.advanceTimersByTime(1)
    expect(streams).toHaveLength(2)
    streams[1]!.onerror?.(new Event('error'))
    vi.advanceTimersByTime(1999)
    expect(streams).toHaveLength(2)
    vi.advanceTimersByTime(1)
    expect(streams).toHaveLength(3)
  })

  it('[ST-9] says when a connection stands, so that what was missed before it is fetched', () => {
    const events = make()
    const back = vi.fn()
    events.onMissed(back)
    events.start()
    streams[0]!.onopen?.(new Event('open'))
    expect(back).toHaveBeenCalledTimes(1)
    streams[0]!.onerror?.(new Event('error'))
    vi.advanceTimersByTime(1000)
    streams[1]!.onopen?.(new Event('open'))
    expect(back).toHaveBeenCalledTimes(2)
    streams[1]!.send('missed', '{}')
    expect(back).toHaveBeenCalledTimes(3)
  })

  it('[ID-4] tells when it is lost, so that an ended session is noticed', () => {
    const events = make()
    const gone = vi.fn()
    events.onLost(gone)
    events.start()
    streams[0]!.onerror?.(new Event('error'))
    expect(gone).toHaveBeenCalledOnce()
  })

  it('[ST-9] counts its silence, which is endless without a connection', () => {
    const events = make()
    events.start()
    expect(events.silentFor()).toBe(Infinity)
    streams[0]!.onopen?.(new Event('open'))
    vi.advanceTimersByTime(4000)
    expect(events.silentFor()).toBe(4000)
    streams[0]!.send('quota', '{}')
    expect(events.silentFor()).toBe(0)
    events.stop()
    expect(events.silentFor()).toBe(Infinity)
    vi.advanceTimersByTime(60_000)
    expect(streams).toHaveLength(1)
  })

  it('[ST-9] connects at once when the network is back, and waits for nothing after its end', () => {
    const events = make()
    events.start()
    dispatchEvent(new Event('online'))
    expect(streams).toHaveLength(1)
    streams[0]!.onerror?.(new Event('error'))
    dispatchEvent(new Event('online'))
    expect(streams).toHaveLength(2)
    vi.advanceTimersByTime(60_000)
    expect(streams).toHaveLength(2)
    events.stop()
    dispatchEvent(new Event('online'))
    expect(streams).toHaveLength(2)
  })
})
