import { expect, it, vi } from 'vitest'
import { ref } from 'vue'
import { generation, withSetup } from '@/test-helpers'
import { useEndings } from './useEndings'

function begin(noStorage: boolean) {
  const asked = {
    announce: vi.fn<(text: string) => void>(),
    tell: vi.fn(async () => undefined),
    loadQuota: vi.fn(async () => undefined),
  }
  return { asked, ...withSetup(() => useEndings({ ...asked, noStorage: ref(noStorage) })) }
}

it('[UI-5] tells of a work and of a failure by the words of their prompt, and leads to them', () => {
  const { asked, result, stop } = begin(false)
  result.onEnd(generation({ id: 4 }))
  result.onEnd(generation({ id: 5, status: 'failed', prompt: 'A fox' }))
  expect(asked.tell.mock.calls).toMatchObject([
    [{ body: 'A lighthouse in fog', tag: 'kinora-4', path: '/sora?job=4' }],
    [{ body: 'A fox', tag: 'kinora-5', path: '/sora?job=5' }],
  ])
  const [ready, failed] = asked.announce.mock.calls.map(([text]) => text)
  expect(ready).toContain('A lighthouse in fog')
  expect(failed).toContain('A fox')
  expect(asked.loadQuota).toHaveBeenCalledTimes(2)
  stop()
})

it('[ST-5, UI-5] says nothing of a job that was cancelled', () => {
  const { asked, result, stop } = begin(true)
  result.onEnd(generation({ status: 'cancelled', storage_type: 'none' }))
  for (const ask of Object.values(asked)) expect(ask).not.toHaveBeenCalled()
  stop()
})

it('[UI-5, V-6] offers for download only what stands behind a link where nothing is stored', () => {
  const link = generation({ id: 6, storage_type: 'upstream' })
  for (const [noStorage, offered] of [[true, [6]] as const, [false, []] as const]) {
    const { result, stop } = begin(noStorage)
    result.onEnd(link)
    result.onEnd(generation({ id: 7 }))
    result.onEnd({ ...link, id: 8, status: 'failed' })
    expect(result.offered.value).toEqual(offered)
    stop()
  }
})
