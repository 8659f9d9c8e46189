import { expect, it } from 'vitest'
import { fakeServer, withSetup } from '@/test-helpers'
import { useStorage } from './useStorage'

const statusPath = 'GET /api/v1/sora/storage-status'
const quotaPath = 'GET /api/v1/sora/quota'

function begin() {
  const server = fakeServer()
  return { server, ...withSetup(useStorage, server.provide) }
}

it.each([
  ['a healthy store', { s3_enabled: true, s3_healthy: true, local_enabled: false }, true, false],
  ['a silent store', { s3_enabled: true, s3_healthy: false, local_enabled: false }, false, true],
  ['its own disk', { s3_enabled: false, s3_healthy: false, local_enabled: true }, false, false],
  ['nothing', { s3_enabled: false, s3_healthy: false, local_enabled: false }, false, true],
])('[UI-4, V-6] knows with %s whether works can be saved and whether any are kept', async (_, status, saved, none) => {
  const { server, result, stop } = begin()
  expect([result.canSave.value, result.noStorage.value]).toEqual([false, false])
  server.answers[statusPath] = () => status
  await result.loadStorage()
  expect([result.canSave.value, result.noStorage.value]).toEqual([saved, none])
  stop()
})

it('[UI-2] goes by the last figures it had where new ones do not come', async () => {
  const { server, result, stop } = begin()
  await result.loadQuota()
  expect([result.quota.value, result.full.value]).toEqual([null, false])
  server.answers[quotaPath] = () => ({ quota_bytes: 9, used_bytes: 9, available_bytes: 0, quota_source: 'user' })
  await result.loadQuota()
  delete server.answers[quotaPath]
  await result.loadQuota()
  expect([result.quota.value?.used_bytes, result.full.value]).toEqual([9, true])
  stop()
})
