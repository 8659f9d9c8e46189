import { formatBytes, parseBytes } from '@/lib/format'

export type SettingKind = 'text' | 'switch' | 'secret' | 'pem' | 'bytes' | 'list' | 'language'

export interface Setting {
  key: string
  kind: SettingKind
}

export interface SettingGroup {
  id: string
  settings: Setting[]
}

/** What an administrator may change, in the order and the groups it is shown. */
export const settingGroups: SettingGroup[] = [
  {
    id: 'general',
    settings: [
      { key: 'site_name', kind: 'text' },
      { key: 'language', kind: 'language' },
      { key: 'registration_enabled', kind: 'switch' },
      { key: 'simple_mode', kind: 'switch' },
    ],
  },
  {
    id: 's3',
    settings: [
      { key: 'sora_s3_enabled', kind: 'switch' },
      { key: 'sora_s3_endpoint', kind: 'text' },
      { key: 'sora_s3_region', kind: 'text' },
      { key: 'sora_s3_bucket', kind: 'text' },
      { key: 'sora_s3_prefix', kind: 'text' },
      { key: 'sora_s3_access_key_id', kind: 'text' },
      { key: 'sora_s3_secret_access_key', kind: 'secret' },
      { key: 'sora_s3_force_path_style', kind: 'switch' },
      { key: 'sora_s3_cdn_url', kind: 'text' },
      { key: 'sora_s3_ca_pem', kind: 'pem' },
    ],
  },
  {
    id: 'sora',
    settings: [
      { key: 'sora_default_storage_quota_bytes', kind: 'bytes' },
      { key: 'local_storage_enabled', kind: 'switch' },
      { key: 'hide_prompt_enhance', kind: 'switch' },
      { key: 'collect_non_streamed', kind: 'switch' },
    ],
  },
  {
    id: 'network',
    settings: [
      { key: 'public_url', kind: 'text' },
      { key: 'trusted_proxies', kind: 'list' },
      { key: 'allowed_private_networks', kind: 'list' },
      { key: 'metrics_token', kind: 'secret' },
    ],
  },
]

export type Draft = Record<string, string | boolean>

/** The server's value as a field holds it. */
export function toField(kind: SettingKind, value: unknown): string | boolean {
  switch (kind) {
    case 'switch':
      return value === true
    case 'secret':
      return ''
    case 'bytes':
      return Number(value) > 0 ? formatBytes(Number(value)) : ''
    case 'list':
      return Array.isArray(value) ? value.join(', ') : String(value ?? '')
    default:
      return String(value ?? '')
  }
}

/** A field's text as the server takes it; null where it cannot be read. */
export function fromField(kind: SettingKind, value: string | boolean): unknown {
  if (typeof value === 'boolean') return value
  if (kind === 'bytes') return parseBytes(value)
  if (kind === 'list') return value.split(/[\s,]+/).filter(Boolean)
  return value.trim()
}

/** The settings this server knows: an older one shows fewer. */
export function knownGroups(values: Record<string, unknown>): SettingGroup[] {
  return settingGroups
    .map((group) => ({
      ...group,
      settings: group.settings.filter(
        ({ key, kind }) => key in values || (kind === 'secret' && `${key}_set` in values),
      ),
    }))
    .filter((group) => group.settings.length)
}
