import { inject, type InjectionKey } from 'vue'
import { adminApi } from './admin'
import { authApi } from './auth'
import type { Client } from './client'
import { keysApi } from './keys'
import { soraApi } from './sora'
import { uploadsApi } from './uploads'

export { ApiError } from './client'
export { allRows, largestPage } from './pages'

/** Every call the page can make, grouped as the server groups them. */
export function createApi(client: Client) {
  return {
    auth: authApi(client),
    sora: soraApi(client),
    uploads: uploadsApi(client),
    keys: keysApi(client),
    admin: adminApi(client),
  }
}

export type Api = ReturnType<typeof createApi>
export const apiKey: InjectionKey<Api> = Symbol('api')

export function useApi(): Api {
  const api = inject(apiKey)
  if (!api) throw new Error('no api provided')
  return api
}
