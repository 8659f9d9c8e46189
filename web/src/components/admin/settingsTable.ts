import type { ModelSetting, UploadRule, UploadSubType } from '@/api/types'
import { parseBytes } from '@/lib/format'
import { exactBytes, formatPixels, parsePixels, parseSize } from '@/lib/limits'

/** Those that are one field of a form. */
export type FieldKind = 'text' | 'switch' | 'secret' | 'pem' | 'bytes' | 'size' | 'pixels' | 'list' | 'language'
/** Those with an editor of their own; their draft is the server's value. */
export type EditorKind = 'models' | 'rules' | 'kinds'
export type SettingKind = FieldKind | EditorKind

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
  { id: 'models', settings: [{ key: 'models', kind: 'models' }] },
  {
    id: 'uploads',
    settings: [
      { key: 'upload_quota_enabled', kind: 'switch' },
      { key: 'upload_quota_bytes', kind: 'bytes' },
      { key: 'upload_max_pixels', kind: 'pixels' },
      { key: 'upload_image_max_bytes', kind: 'size' },
      { key: 'upload_video_max_bytes', kind: 'size' },
      { key: 'upload_extra_sub_types', kind: 'kinds' },
      { key: 'upload_rules', kind: 'rules' },
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

/** null: the list of models that comes with the server. */
export type DraftValue = string | boolean | ModelSetting[] | UploadRule[] | UploadSubType[] | null
export type Draft = Record<string, DraftValue>

const editorKinds: readonly SettingKind[] = ['models', 'rules', 'kinds']
export const hasEditor = (kind: SettingKind): kind is EditorKind => editorKinds.includes(kind)

/** The server's value as a field holds it. */
export function toField(kind: SettingKind, value: unknown): DraftValue {
  switch (kind) {
    case 'switch':
      return value === true
    case 'secret':
      return ''
    case 'bytes':
    case 'size':
      return Number(value) > 0 ? exactBytes(Number(value)) : ''
    case 'pixels':
      return formatPixels(Number(value))
    case 'list':
      return Array.isArray(value) ? value.join(', ') : String(value ?? '')
    case 'models':
      return Array.isArray(value) ? (value as ModelSetting[]) : null
    case 'rules':
    case 'kinds':
      return Array.isArray(value) ? (value as UploadRule[]) : []
    default:
      return String(value ?? '')
  }
}

export const sameValue = (one: DraftValue | undefined, other: DraftValue): boolean =>
  JSON.stringify(one) === JSON.stringify(other)

/** A field as the server takes it; null where it cannot be read, and for the built-in models. */
export function fromField(kind: SettingKind, value: DraftValue): unknown {
  if (typeof value !== 'string') return value
  if (kind === 'bytes') return parseBytes(value)
  if (kind === 'size') return parseSize(value)
  if (kind === 'pixels') return parsePixels(value)
  if (kind === 'list') return value.split(/[\s,]+/).filter(Boolean)
  return value.trim()
}

/** A text that is none of what its setting takes. */
export const isUnreadable = (kind: SettingKind, value: DraftValue): boolean =>
  typeof value === 'string' && fromField(kind, value) === null

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
