/** What the server says, in its own words. Times are RFC 3339 UTC, sizes are bytes. */

export type Role = 'admin' | 'user'

export interface User {
  id: number
  uuid: string
  email: string
  role: Role
  status: 'active' | 'disabled'
  group_id: number | null
  avatar?: string | null
  background?: string | null
  created_at: string
  sora_storage_quota_bytes?: number
  sora_storage_used_bytes?: number
}

export interface PublicSettings {
  sora_client_enabled: boolean
  simple_mode: boolean
  registration_enabled: boolean
  language: string
  setup_required: boolean
  version: string
  site_name?: string
}

export interface Page<T> {
  data: T[]
  total: number
  page: number
  page_size: number
}

export type GenerationStatus = 'pending' | 'generating' | 'completed' | 'failed' | 'cancelled'
export type StorageType = 's3' | 'local' | 'upstream' | 'none'
export type MediaType = 'video' | 'image'

export interface Generation {
  id: number
  model: string
  prompt: string
  media_type: MediaType
  params?: GenerationParams | null
  status: GenerationStatus
  progress?: number | null
  queue_position?: number | null
  eta_seconds?: number | null
  storage_type: StorageType
  /** Why it is not where it should be: `quota_exceeded`, `storage_off`, … */
  storage_reason?: string | null
  media_url?: string | null
  media_urls?: string[] | null
  download_urls?: string[] | null
  poster_url?: string | null
  s3_object_keys?: string[] | null
  file_size_bytes?: number | null
  width?: number | null
  height?: number | null
  duration_seconds?: number | null
  error_code?: string | null
  error_message?: string | null
  created_at: string
  started_at?: string | null
  completed_at?: string | null
  expires_at?: string | null
}

export interface GenerationParams {
  orientation?: string
  seconds?: number
  video_count?: number
  /** true: there was one */
  image_input?: boolean
  /** Its address, where it was given as one. */
  image_url?: string
  [key: string]: unknown
}

export interface GenerateRequest {
  model: string
  prompt: string
  media_type?: MediaType
  image_input?: string
  video_count?: number
  orientation?: string
  seconds?: number
}

export interface GenerateAnswer {
  generation_id: number
  status: GenerationStatus
}

export interface GenerationQuery {
  page?: number
  page_size?: number
  status?: string
  storage_type?: string
  media_type?: string
  q?: string
}

export interface Quota {
  quota_bytes: number
  used_bytes: number
  /** null: no limit */
  available_bytes: number | null
  quota_source: 'user' | 'group' | 'system' | 'unlimited'
}

export interface Model {
  id: string
  name: string
  media_type: string
  description?: string | null
  orientations?: string[] | null
  seconds?: number[] | null
  sizes?: string[] | null
  image_input?: boolean
  hidden?: boolean
}

export interface StorageStatus {
  s3_enabled: boolean
  s3_healthy: boolean
  local_enabled: boolean
}

export interface ApiKey {
  id: number
  name: string
  key?: string
  /** The first characters, to tell keys apart. */
  hint?: string | null
  group_id: number | null
  user_id?: number
  status?: 'active' | 'disabled'
  expires_at?: string | null
  last_used_at?: string | null
  created_at: string
}

export interface Group {
  id: number
  name: string
  platform: string
  sora_storage_quota_bytes: number
  user_count?: number
  account_count?: number
  created_at?: string
}

export type AccountType = 'oauth' | 'apikey'
export type AccountStatus = 'active' | 'disabled' | 'error'

export interface Account {
  id: number
  name: string
  platform: string
  type: AccountType
  dialect: string
  credentials?: Record<string, unknown> | null
  priority: number
  concurrency: number
  group_ids?: number[] | null
  models?: string[] | null
  model_mapping?: Record<string, string> | null
  proxy_url?: string | null
  ca_pem?: string | null
  status: AccountStatus
  status_reason?: string | null
  honours_idempotency?: boolean
  rate_limited_until?: string | null
  overloaded_until?: string | null
  in_flight?: number
  last_used_at?: string | null
  successes_24h?: number
  failures_24h?: number
  created_at?: string
}

export interface TestResult {
  ok: boolean
  latency_ms: number
  code?: string
  message?: string
}

export interface AuditEntry {
  id: number
  actor_id: number | null
  actor_email: string | null
  action: string
  target: string
  detail?: { fields?: string[] } | null
  address?: string | null
  created_at: string
}

export type AdminSettings = Record<string, unknown>
