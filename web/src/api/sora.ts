import { withQuery, type Client } from './client'
import type {
  GenerateAnswer,
  GenerateRequest,
  Generation,
  GenerationQuery,
  Model,
  Page,
  PublicSettings,
  Quota,
  StorageStatus,
} from './types'

const root = '/api/v1/sora'

/** Where the server tells of changes as they happen. */
export const eventsPath = `${root}/events`

/** The studio is everybody's part of the page, unless the operator has turned it off. */
export const hasStudio = (settings: PublicSettings) => settings.sora_client_enabled && !settings.simple_mode

/** All that runs, and the newest: what the timeline begins with. */
export const runningQuery: GenerationQuery = { status: 'pending,generating', page_size: 100 }
export const newestQuery: GenerationQuery = { page: 1, page_size: 20 }

/** The works that are kept here. */
export type WorkKind = 'all' | 'video' | 'image'
export const libraryPageSize = 50
export function libraryQuery(kind: WorkKind, q = '', page = 1, page_size = libraryPageSize): GenerationQuery {
  return { storage_type: 's3,local', status: 'completed', q, media_type: kind === 'all' ? '' : kind, page, page_size }
}

const listPath = (query: GenerationQuery) => withQuery(`${root}/generations`, { ...query })

/** What the studio asks for as soon as it stands. */
export const newestPath = listPath(newestQuery)
export const studioPaths = [
  listPath(runningQuery),
  newestPath,
  ...['quota', 'storage-status', 'models'].map((name) => `${root}/${name}`),
]

/** What its library does. */
export const libraryPath = listPath(libraryQuery('all'))
export const libraryPaths = [
  libraryPath,
  ...(['video', 'image'] as const).map((kind) => listPath(libraryQuery(kind, '', 1, 1))),
]

export function soraApi(client: Client) {
  return {
    generate: (request: GenerateRequest, key?: string) => client.post<GenerateAnswer>(`${root}/generate`, request, key),
    list: (query: GenerationQuery) => client.get<Page<Generation>>(`${root}/generations`, { ...query }),
    get: (id: number) => client.get<Generation>(`${root}/generations/${id}`),
    remove: (id: number) => client.del(`${root}/generations/${id}`),
    cancel: (id: number) => client.post<Generation>(`${root}/generations/${id}/cancel`),
    save: (id: number) => client.post<Generation>(`${root}/generations/${id}/save`),
    quota: () => client.get<Quota>(`${root}/quota`),
    models: () => client.get<{ data: Model[] }>(`${root}/models`).then((answer) => answer.data),
    storageStatus: () => client.get<StorageStatus>(`${root}/storage-status`),
  }
}
