import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createPinia } from 'pinia'
import { nextTick } from 'vue'
import { ApiError } from '@/api'
import { fakeServer, withSetup } from '@/test-helpers'
import { useSettingsForm } from './useSettingsForm'

const path = '/api/v1/admin/settings'
const GIB = 1024 ** 3
let server: ReturnType<typeof fakeServer>
let stored: Record<string, unknown>
let stop: () => void

async function begin() {
  const made = withSetup(useSettingsForm, (app) => {
    server.provide(app)
    app.use(createPinia())
  })
  stop = made.stop
  await made.result.load()
  return made.result
}

beforeEach(() => {
  server = fakeServer()
  stored = {
    site_name: 'Kinora',
    simple_mode: false,
    sora_s3_enabled: true,
    sora_s3_bucket: 'works',
    sora_s3_secret_access_key_set: true,
    sora_default_storage_quota_bytes: 5 * GIB,
    trusted_proxies: ['10.0.0.0/8', '127.0.0.1'],
    from_the_future: 1,
  }
  server.answers[`GET ${path}`] = () => ({ ...stored })
  server.answers[`PATCH ${path}`] = (changes) => Object.assign(stored, changes)
})
afterEach(() => stop())

describe('the settings', () => {
  it('[AD-1] shows those this server knows, in fields that can be read', async () => {
    const form = await begin()
    const keys = form.groups.value.flatMap((group) => group.settings.map((setting) => setting.key))
    expect(keys).toContain('sora_s3_secret_access_key')
    expect(keys).not.toContain('public_url')
    expect(keys).not.toContain('from_the_future')
    expect(form.draft.sora_default_storage_quota_bytes).toBe('5 GB')
    expect(form.draft.trusted_proxies).toBe('10.0.0.0/8, 127.0.0.1')
    expect(form.draft.sora_s3_secret_access_key).toBe('')
    expect(form.isSet('sora_s3_secret_access_key')).toBe(true)
    expect(form.dirty.value).toBe(false)
  })

  it('[AD-1] sends what was changed and nothing else, and shows what the server kept', async () => {
    const form = await begin()
    form.draft.site_name = ' Studio '
    form.draft.sora_default_storage_quota_bytes = '2 GB'
    form.draft.trusted_proxies = '10.0.0.0/8'
    expect(form.dirty.value).toBe(true)
    await form.submit()
    expect(server.sentTo(`PATCH ${path}`)).toEqual([
      { site_name: 'Studio', sora_default_storage_quota_bytes: 2 * GIB, trusted_proxies: ['10.0.0.0/8'] },
    ])
    expect(form.draft.site_name).toBe('Studio')
    expect(form.dirty.value).toBe(false)
    expect(server.sentTo('GET /api/v1/settings/public')).toHaveLength(1)
  })

  it('[AD-1] sends nothing while a size cannot be read, and says so beside it', async () => {
    const form = await begin()
    form.draft.sora_default_storage_quota_bytes = 'plenty'
    await form.submit()
    expect(server.sentTo(`PATCH ${path}`)).toEqual([])
    expect(form.problem('sora_default_storage_quota_bytes')).not.toBeNull()
    expect(form.problem('site_name')).toBeNull()
  })

  it('[AD-1] puts a refusal beside its field, or below them all where it names none', async () => {
    const form = await begin()
    form.draft.sora_s3_bucket = 'Not A Bucket'
    server.answers[`PATCH ${path}`] = () => {
      throw new ApiError(400, 'invalid', 'This is no name of a bucket.', { field: 'sora_s3_bucket' })
    }
    await form.submit()
    expect(form.problem('sora_s3_bucket')).toBe('This is no name of a bucket.')
    expect(form.generalError.value).toBeNull()
    expect(form.draft.sora_s3_bucket).toBe('Not A Bucket')
    server.answers[`PATCH ${path}`] = () => {
      throw new ApiError(500, 'internal', 'Not now.')
    }
    await form.submit()
    expect(form.generalError.value).toBe('Not now.')
    form.draft.sora_s3_bucket = 'a-bucket'
    await nextTick()
    expect(form.generalError.value).toBeNull()
  })

  it('[AD-1] says in the words of the page what a field takes', async () => {
    const form = await begin()
    form.draft.site_name = ''
    server.answers[`PATCH ${path}`] = () => {
      throw new ApiError(400, 'invalid_field', 'site_name must have 1 to 64 characters', { field: 'site_name' })
    }
    await form.submit()
    expect(form.problem('site_name')).toBe('Write 1 to 64 characters.')
    server.answers[`PATCH ${path}`] = () => {
      throw new ApiError(400, 'url_forbidden', 'sora_s3_bucket may not be …', { field: 'sora_s3_bucket' })
    }
    await form.submit()
    expect(form.problem('sora_s3_bucket')).toMatch(/never connects/)
  })

  it('[SG-1] points at a bucket that is filled in but switched off, as the fields stand', async () => {
    const form = await begin()
    expect(form.advice.value).toBe('incomplete')
    form.draft.sora_s3_enabled = false
    expect(form.advice.value).toBeNull()
    Object.assign(stored, {
      sora_s3_endpoint: 'https://s3.example',
      sora_s3_access_key_id: 'id',
      sora_s3_enabled: false,
    })
    await form.load()
    expect(form.advice.value).toBe('off')
    form.draft.sora_s3_enabled = true
    expect(form.advice.value).toBeNull()
    form.draft.sora_s3_bucket = ''
    expect(form.advice.value).toBe('incomplete')
  })

  it('[SG-1] tests the S3 fields as they stand, without a secret that was not typed', async () => {
    const form = await begin()
    const address = `POST ${path}/sora-s3/test`
    form.draft.sora_s3_bucket = 'others'
    server.answers[address] = () => ({ ok: true, latency_ms: 4 })
    await form.testS3()
    expect(server.sentTo(address)).toEqual([{ sora_s3_enabled: true, sora_s3_bucket: 'others' }])
    expect(form.test.value).toEqual({ ok: true, latency_ms: 4 })
    form.draft.sora_s3_secret_access_key = 'typed'
    await nextTick()
    expect(form.test.value).toBeNull()
    await form.testS3()
    expect(server.sentTo(address)[1]).toMatchObject({ sora_s3_secret_access_key: 'typed' })
    server.answers[address] = () => ({ ok: false, latency_ms: 0, code: 'storage_not_configured', message: 'Ask.' })
    await form.testS3()
    expect(form.test.value?.message).toMatch(/^Fill in/)
    delete server.answers[address]
    await form.testS3()
    expect(form.test.value).toMatchObject({ ok: false })
    expect(form.testing.value).toBe(false)
  })

  it('[AD-1] says what went wrong where nothing can be shown', async () => {
    delete server.answers[`GET ${path}`]
    const form = await begin()
    expect(form.loaded.value).toBe(false)
    expect(form.loadError.value).toBeInstanceOf(ApiError)
  })
})
