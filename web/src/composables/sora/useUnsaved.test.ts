import { afterEach, expect, it } from 'vitest'
import { effectScope, nextTick, reactive, ref } from 'vue'
import { generation } from '@/test-helpers'
import type { Clock } from '../useClock'
import { useUnsaved } from './useUnsaved'

const done = Date.parse('2026-11-22T10:00:00Z')
const scope = effectScope()
afterEach(() => scope.stop())

/** Would the browser ask before this page is left? */
function asks(): boolean {
  const leaving = new Event('beforeunload', { cancelable: true })
  dispatchEvent(leaving)
  return leaving.defaultPrevented
}

it('[UI-5, V-6] asks before the page is left as long as a link is open and nothing of it is downloaded', async () => {
  const now = ref(done)
  const clock: Clock = { now, read: () => now.value, learn: () => undefined }
  const link = (id: number) =>
    generation({ id, storage_type: 'upstream', completed_at: new Date(done + id * 1000).toISOString() })
  const list = ref([generation({ id: 9 })])
  const downloaded = reactive(new Set<number>())
  const unsaved = scope.run(() => useUnsaved(list, downloaded, clock))!
  expect(asks()).toBe(false)
  list.value = [link(1), link(2), link(3), generation({ id: 9 })]
  await nextTick()
  expect([asks(), unsaved.value.map((item) => item.id)]).toEqual([true, [1, 2, 3]])
  downloaded.add(3)
  list.value[1] = { ...link(2), storage_type: 's3' }
  await nextTick()
  expect([asks(), unsaved.value.map((item) => item.id)]).toEqual([true, [1]])
  now.value = done + 15 * 60_000 + 1000
  await nextTick()
  expect([asks(), unsaved.value]).toEqual([false, []])
  list.value = [{ ...link(1), completed_at: new Date(now.value).toISOString() }]
  await nextTick()
  expect(asks()).toBe(true)
  scope.stop()
  expect(asks()).toBe(false)
})
