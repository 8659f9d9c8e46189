import { expect, it } from 'vitest'
import { ApiError } from '@/api'
import { fakeServer, withSetup } from '@/test-helpers'
import { useModels } from './useModels'

const path = 'GET /api/v1/sora/models'

it('[UI-3] keeps the models it had where they do not come again, and says so until they do', async () => {
  const server = fakeServer()
  const { result, stop } = withSetup(useModels, server.provide)
  const ids = () => result.models.value.map(({ id }) => id)
  await result.loadModels()
  expect([result.modelsLoaded.value, (result.modelsError.value as ApiError).status]).toEqual([false, 404])
  server.answers[path] = () => ({ data: [{ id: 'sora2-portrait-10s', name: 'Sora 2', media_type: 'video' }] })
  await result.loadModels()
  expect([ids(), result.modelsLoaded.value, result.modelsError.value]).toEqual([['sora2-portrait-10s'], true, null])
  expect(result.families.value.map(({ kind }) => kind)).toEqual(['video'])
  delete server.answers[path]
  await result.loadModels()
  expect([ids(), result.modelsLoaded.value]).toEqual([['sora2-portrait-10s'], true])
  expect(result.modelsError.value).toBeInstanceOf(ApiError)
  stop()
})
