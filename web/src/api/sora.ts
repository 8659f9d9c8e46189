import type { Client } from './client'
import type {
  GenerateAnswer,
  GenerateRequest,
  Generation,
  GenerationQuery,
  Model,
  Page,
  Quota,
  StorageStatus,
} from './types'

const root = '/api/v1/sora'

/** Where the server tells of changes as they happen. */
export const eventsPath = `${root}/events`

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
