import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { reactive, ref } from 'vue'
import type { Generation } from '@/api/types'
import { generation, withSetup } from '@/test-helpers'
import { clockKey, createClock } from '../useClock'
import { useCard } from './useCard'
import { usePreviewFacts } from './usePreviewFacts'
import { soraKey, type Sora } from './useSora'

const now = Date.parse('2026-11-22T10:00:00Z')
const ago = (seconds: number) => new Date(now - seconds * 1000).toISOString()
const deadlines = reactive(new Map<number, number>())
const canSave = ref(true)
let stop: () => void

function run<T>(composable: () => T): T {
  const clock = createClock()
  const sora = { timeline: { deadlines }, models: ref([]), canSave } as unknown as Sora
  const made = withSetup(composable, (app) => app.provide(clockKey, clock).provide(soraKey, sora))
  stop = () => (made.stop(), clock.stop())
  return made.result
}

const card = (fields: Partial<Generation>) => run(() => useCard({ generation: generation(fields) }))
const running = (fields: Partial<Generation> = {}) =>
  card({ status: 'generating', storage_type: 'none', started_at: ago(100), ...fields })

beforeEach(() => {
  vi.useFakeTimers({ now })
  deadlines.clear()
  canSave.value = true
})
afterEach(() => {
  stop()
  vi.useRealTimers()
})

describe('a card', () => {
  it('[UI-4] counts the time a job has run, and the time it is expected to take', () => {
    deadlines.set(1, now + 130_000)
    const { elapsed, remaining, status } = running()
    expect(status.value).toBe('Generating')
    expect([elapsed.value, remaining.value]).toEqual([100_000, 'About 2 min left'])
    vi.advanceTimersByTime(80_000)
    expect([elapsed.value, remaining.value]).toEqual([180_000, 'Less than a minute left'])
    vi.advanceTimersByTime(46_000)
    expect(remaining.value).toBe('Almost there')
    vi.advanceTimersByTime(20_000)
    expect(remaining.value).toBe('Longer than most')
  })

  it('[UI-4] says so when a job takes more than 20 minutes', () => {
    const { note } = running({ started_at: ago(20 * 60 - 1) })
    expect(note.value).toBeNull()
    vi.advanceTimersByTime(3000)
    expect(note.value).toContain('Taking longer than usual')
  })

  it('[UI-4] says of a job that was sent back that it is in line again, and foretells no end', () => {
    deadlines.set(1, now + 30_000)
    const { note, remaining, sentBack } = running({ queue_position: 2 })
    expect(sentBack.value).toBe(true)
    expect(note.value).toMatch(/sent it back\. In line: 2nd/)
    expect(remaining.value).toBeNull()
  })

  it('[UI-4] names the place in line', () => {
    const place = (n: number | null) => card({ status: 'pending', storage_type: 'none', queue_position: n }).note.value
    expect([1, 2, 3, 11, 22].map(place).map((text) => /In line: (\w+)/.exec(text!)![1])).toEqual([
      ...['1st', '2nd', '3rd', '11th', '22nd'],
    ])
    expect(place(null)).toBe('Starts as soon as an account is free.')
  })

  it('[UI-4] [V-6] turns red for the last two minutes of a link, and then says that it is over', () => {
    const { state, urgent, linkLeft, tone } = card({ storage_type: 'upstream', completed_at: ago(12.9 * 60) })
    expect([state.value, urgent.value, tone.value]).toEqual(['link', false, 'warn'])
    expect(linkLeft.value).toBe(126_000)
    vi.advanceTimersByTime(7000)
    expect([urgent.value, tone.value]).toEqual([true, 'danger'])
    vi.advanceTimersByTime(120_000)
    expect([state.value, linkLeft.value]).toEqual(['expired', 0])
  })

  it('[UI-4] [SG-9] says why there is only a link', () => {
    const note = (fields: Partial<Generation>) =>
      card({ storage_type: 'upstream', completed_at: ago(1), ...fields }).note.value
    expect(note({ storage_reason: 'quota_exceeded' })).toContain('did not fit')
    expect(note({})).toContain('did not answer')
    canSave.value = false
    expect(note({})).toContain('only at the upstream')
    // Room would not help: only cloud storage takes a work later.
    expect(note({ storage_reason: 'quota_exceeded' })).toMatch(/did not fit.*Download it/)
    expect(note({ storage_reason: 'quota_exceeded' })).not.toContain('room')
  })

  it('[ST-8] names the class of a failure, and gives its words', () => {
    const failed = (error_code: never, error_message: string | null = null) => {
      const { status, note } = card({ status: 'failed', storage_type: 'none', error_code, error_message })
      return [status.value, note.value]
    }
    expect(failed('content_policy' as never, 'No, said the upstream.')).toEqual([
      'Failed: content policy',
      'No, said the upstream.',
    ])
    expect(failed('timeout' as never)).toEqual(['Failed: timed out', 'No result came in time. Try again.'])
    expect(failed('never heard of' as never)[0]).toBe('Failed: server error')
  })

  it('says after how long a job was stopped', () => {
    const { note } = card({ status: 'cancelled', started_at: ago(100), completed_at: ago(25) })
    expect(note.value).toBe('You stopped this after 1 min 15 s. It takes no storage.')
  })

  it('[UI-7] gives the facts of a work', () => {
    const work = generation({
      width: 1280,
      height: 720,
      duration_seconds: 10.04,
      file_size_bytes: 2_200_000,
      completed_at: ago(10),
      created_at: ago(85),
    })
    expect(card(work).facts.value).toEqual(['Sora 2', '10 s', '1280 × 720', '2.1 MB'])
    stop()
    const facts = run(() => usePreviewFacts(ref(work)))
    expect(Object.fromEntries(facts.value.map(({ name, value }) => [name, value]))).toMatchObject({
      Model: 'Sora 2',
      Length: '10 s',
      Frame: '1280 × 720',
      Size: '2.1 MB',
      'Ready after': '1 min 15 s',
    })
  })
})
