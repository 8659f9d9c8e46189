import type { Client } from './client'
import type { ApiKey, Page } from './types'

export interface KeyForm {
  name: string
  group_id?: number | null
  expires_at?: string | null
}

export function keysApi(client: Client) {
  return {
    list: (page = 1) => client.get<Page<ApiKey>>('/api/v1/keys', { page, page_size: 100 }),
    create: (form: KeyForm) => client.post<ApiKey>('/api/v1/keys', form),
    update: (id: number, form: Partial<KeyForm> & { status?: string }) =>
      client.patch<ApiKey>(`/api/v1/keys/${id}`, form),
    remove: (id: number) => client.del(`/api/v1/keys/${id}`),
  }
}
