import type { components } from './schema'

/* What the server says, in its own words (docs/openapi.json), under the names the page uses. */
type Wire = components['schemas']

export type User = Wire['User']
/** Oneself, with links to one's pictures. */
export type Me = Wire['Me']
export type Upload = Wire['Upload']
export type UploadSubType = Wire['UploadSubType']
export type UploadSummary = Wire['UploadSummary']
export type UploadKind = UploadSummary['sub_types'][number]
export type PublicSettings = Wire['PublicSettings']
export type Quota = Wire['Quota']
export type StorageStatus = Wire['StorageStatus']
export type Group = Wire['Group']
export type Account = Wire['Account']
export type SignInBegun = Wire['SignInBegun']
export type SignInGrant = Wire['SignInGrant']
export type AccountType = Account['type']
export type TestResult = Wire['ConnectionTest']
export type AuditEntry = Wire['AuditEntry']
export type Stats = Wire['Stats']
export type StatsStep = Wire['StatsStep']
export type StatsPeriod = Stats['period']
export type AccountHealth = Wire['AccountHealth']
export type StoredDay = Wire['StoredDay']
export type Job = Wire['Job']

/** `key` is there once: in the answer that makes it. */
export type ApiKey = Wire['ApiKey']

/** Models that are hidden are listed by servers that show them to some. */
export type Model = Wire['Model'] & { hidden?: boolean }

export interface Page<T> {
  data: T[]
  total: number
  page: number
  page_size: number
}

/** What every card needs; the rest may be missing from one that stands in for a job not yet accepted. */
type Core = 'id' | 'model' | 'prompt' | 'media_type' | 'status' | 'storage_type' | 'created_at'
type WireGeneration = Wire['Generation']

export type Generation = Pick<WireGeneration, Core> &
  Partial<Omit<WireGeneration, Core | 'params' | 'error_code'>> & {
    params?: Partial<WireGeneration['params']>
    /** `unsent`: the server did not take it. */
    error_code?: WireGeneration['error_code'] | 'unsent'
  }

export type MediaType = Generation['media_type']
export type Orientation = NonNullable<WireGeneration['params']['orientation']>

export type GenerateRequest = Omit<Wire['GenerateRequest'], 'video_count'> & { video_count?: number }
export type GenerateAnswer = Wire['Generating']

export interface GenerationQuery {
  page?: number
  page_size?: number
  status?: string
  storage_type?: string
  media_type?: string
  q?: string
}

export type ModelSetting = Wire['ModelSetting']
export type UploadRule = Wire['Settings']['upload_rules'][number]

/** Read by key: the page shows the settings it knows of those the server has. */
export type AdminSettings = Record<string, unknown>
