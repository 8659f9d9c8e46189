import type { Client } from './client'
import type { Me, PublicSettings } from './types'

export interface SessionAnswer {
  user: Me
}

export function authApi(client: Client) {
  return {
    settings: () => client.get<PublicSettings>('/api/v1/settings/public'),
    login: (email: string, password: string) => client.post<SessionAnswer>('/api/v1/auth/login', { email, password }),
    logout: () => client.post<void>('/api/v1/auth/logout'),
    register: (email: string, password: string) =>
      client.post<SessionAnswer>('/api/v1/auth/register', { email, password }),
    setup: (token: string, email: string, password: string) =>
      client.post<SessionAnswer>('/api/v1/auth/setup', { token, email, password }),
    me: () => client.get<Me>('/api/v1/auth/me'),
    /** Each the UUID of an upload of one's own or an address; null: none. */
    setPictures: (pictures: { avatar?: string | null; background?: string | null }) =>
      client.patch<Me>('/api/v1/auth/me', pictures),
    changePassword: (current_password: string, new_password: string) =>
      client.post<void>('/api/v1/auth/password', { current_password, new_password }),
  }
}
