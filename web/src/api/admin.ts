import { withQuery, type Client, type Query } from './client'
import type {
  Account,
  AdminSettings,
  AuditEntry,
  Group,
  Job,
  Page,
  SignInBegun,
  SignInGrant,
  Stats,
  StatsPeriod,
  TestResult,
  User,
} from './types'

const root = '/api/v1/admin'

/** What the overview shows: figures by the hours or days of this place, and the first of what is being made. */
export const statsQuery = (period: StatsPeriod) => ({ period, utc_offset: -new Date().getTimezoneOffset() })
export const generatingQuery = { status: 'generating', page_size: 6 }

/** What it asks for as soon as it stands. */
export const overviewPaths = () => [
  withQuery(`${root}/stats`, statsQuery('24h')),
  withQuery(`${root}/jobs`, generatingQuery),
]

/** List, make, change and delete one kind of record: the same five calls for users, groups and accounts. */
export interface Resource<T> {
  list(query?: Query): Promise<Page<T>>
  get(id: number): Promise<T>
  create(body: unknown): Promise<T>
  update(id: number, body: unknown): Promise<T>
  remove(id: number): Promise<void>
}

function resource<T>(client: Client, name: string): Resource<T> {
  const path = `${root}/${name}`
  return {
    list: (query) => client.get(path, query),
    get: (id) => client.get(`${path}/${id}`),
    create: (body) => client.post(path, body),
    update: (id, body) => client.patch(`${path}/${id}`, body),
    remove: (id) => client.del(`${path}/${id}`),
  }
}

export function adminApi(client: Client) {
  return {
    users: resource<User>(client, 'users'),
    groups: resource<Group>(client, 'groups'),
    accounts: {
      ...resource<Account>(client, 'accounts'),
      test: (id: number, body?: unknown) => client.post<TestResult>(`${root}/accounts/${id}/test`, body),
      testDraft: (body: unknown) => client.post<TestResult>(`${root}/accounts/test`, body),
      /** A sign-in at the upstream: the address to open, then what was sent back for a grant. */
      authorizeUrl: (body: unknown) => client.post<SignInBegun>(`${root}/accounts/oauth/authorize-url`, body),
      exchange: (body: { code: string; state: string }) =>
        client.post<SignInGrant>(`${root}/accounts/oauth/exchange`, body),
      reset: (id: number) => client.post<Account>(`${root}/accounts/${id}/reset`),
    },
    stats: (query: Query) => client.get<Stats>(`${root}/stats`, query),
    jobs: (query: Query) => client.get<Page<Job>>(`${root}/jobs`, query),
    audit: (query: Query) => client.get<Page<AuditEntry>>(`${root}/audit`, query),
    settings: {
      get: () => client.get<AdminSettings>(`${root}/settings`),
      update: (body: AdminSettings) => client.patch<AdminSettings>(`${root}/settings`, body),
      testS3: (body: AdminSettings) => client.post<TestResult>(`${root}/settings/sora-s3/test`, body),
    },
  }
}
