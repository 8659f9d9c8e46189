/** What is to be said of the bucket in the settings: it is filled in but switched off, or switched on but not
 * filled in. null: nothing. */
export type S3Advice = 'off' | 'incomplete' | null

const needed = ['sora_s3_endpoint', 'sora_s3_bucket', 'sora_s3_access_key_id']
const secret = 'sora_s3_secret_access_key'

/** `values`: the settings as the server has them, with what was typed in their place. */
export function s3Advice(values: Record<string, unknown>): S3Advice {
  const filled = (key: string) => String(values[key] ?? '').trim() !== ''
  const complete = needed.every(filled) && (values[`${secret}_set`] === true || filled(secret))
  if (values.sora_s3_enabled === true) return complete ? null : 'incomplete'
  return complete ? 'off' : null
}
