import { describe, expect, it } from 'vitest'
import { s3Advice } from './s3'

const filled = {
  sora_s3_enabled: true,
  sora_s3_endpoint: 'https://s3.example',
  sora_s3_bucket: 'works',
  sora_s3_access_key_id: 'id',
  sora_s3_secret_access_key_set: true,
}

describe('what is to be said of the bucket', () => {
  it('[SG-1] is nothing where it is filled in and on, or neither', () => {
    expect(s3Advice(filled)).toBeNull()
    expect(s3Advice({ ...filled, sora_s3_enabled: false, sora_s3_bucket: '' })).toBeNull()
    expect(s3Advice({})).toBeNull()
  })

  it('[SG-1] is that it is off where all is filled in, also by a secret that was only typed', () => {
    expect(s3Advice({ ...filled, sora_s3_enabled: false })).toBe('off')
    const typed = { ...filled, sora_s3_enabled: false, sora_s3_secret_access_key_set: false }
    expect(s3Advice(typed)).toBeNull()
    expect(s3Advice({ ...typed, sora_s3_secret_access_key: 'typed' })).toBe('off')
  })

  it.each(['endpoint', 'bucket', 'access_key_id'])(
    '[SG-1] is what is missing where it is on without its %s',
    (name) => {
      expect(s3Advice({ ...filled, [`sora_s3_${name}`]: ' ' })).toBe('incomplete')
    },
  )
})
