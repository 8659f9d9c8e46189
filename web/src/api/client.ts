import type { InjectionKey } from 'vue'

export type Query = Record<string, string | number | boolean | null | undefined>

/** An answer other than 2xx, or none at all (`status` 0). `message` is the server's own sentence. */
export class ApiError extends Error {
  readonly status: number
  readonly code: string
  readonly details: Record<string, unknown>
  readonly requestId: string | null

  constructor(
    status: number,
    code: string,
    message: string,
    details: Record<string, unknown> = {},
    requestId: string | null = null,
  ) {
    super(message)
    this.name = 'ApiError'
    this.status = status
    this.code = code
    this.details = details
    this.requestId = requestId
  }
}

export interface ClientOptions {
  language: () => string
  /** Called once for each answer that says the session is over. */
  onUnauthorized?: () => void
  /** The server's clock, from each answer's Date header. */
  onServerTime?: (serverMs: number, sentMs: number, receivedMs: number) => void
  fetch?: (path: string, init: RequestInit) => Promise<Response>
}

export interface Client {
  /** What every call says of this page, for those that are not made here. */
  headers(): Record<string, string>
  get<T>(path: string, query?: Query): Promise<T>
  /** `key`: sent again under it, the same is done once. */
  post<T>(path: string, body?: unknown, key?: string): Promise<T>
  patch<T>(path: string, body?: unknown): Promise<T>
  del(path: string): Promise<void>
}

export const clientKey: InjectionKey<Client> = Symbol('client')

/** What every question says of this page: what it reads, in which language, and a header no foreign form can send. */
export function ownHeaders(language: string): Record<string, string> {
  return { Accept: 'application/json', 'Accept-Language': language, 'X-Requested-With': 'kinora' }
}

export function withQuery(path: string, query?: Query): string {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== null && value !== '') params.set(name, String(value))
  }
  const text = params.toString()
  return text ? `${path}?${text}` : path
}

/** JSON, or null where it is none. */
export function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** What an answer other than 2xx says; `body` is its JSON, where it has one. */
export function errorOf(status: number, body: unknown, requestId: string | null): ApiError {
  const error = (body as { error?: unknown } | null)?.error
  const known = error && typeof error === 'object' ? (error as Record<string, unknown>) : {}
  const { code, message, ...details } = known
  return new ApiError(status, String(code ?? 'unknown'), String(message ?? ''), details, requestId)
}

export async function errorIn(response: Response): Promise<ApiError> {
  const body = readJson(await response.text().catch(() => ''))
  return errorOf(response.status, body, response.headers.get('x-request-id'))
}

/** A typed fetch: same-origin cookie, JSON both ways. */
export function createClient(options: ClientOptions): Client {
  const send = options.fetch ?? fetch

  const headers = () => ownHeaders(options.language())

  async function request<T>(method: string, path: string, body?: unknown, key?: string): Promise<T> {
    const own = headers()
    if (body !== undefined) own['Content-Type'] = 'application/json'
    if (key) own['Idempotency-Key'] = key
    const sent = Date.now()
    let response: Response
    try {
      response = await send(path, {
        method,
        headers: own,
        credentials: 'same-origin',
        // A deletion decided just before the page closes still goes out.
        keepalive: method === 'DELETE',
        body: body === undefined ? undefined : JSON.stringify(body),
      })
    } catch {
      throw new ApiError(0, 'network', '')
    }
    const date = Date.parse(response.headers.get('date') ?? '')
    if (!Number.isNaN(date)) options.onServerTime?.(date, sent, Date.now())
    if (!response.ok) {
      const error = await errorIn(response)
      if (error.status === 401) options.onUnauthorized?.()
      throw error
    }
    if (response.status === 204) return undefined as T
    return (await response.json()) as T
  }

  return {
    headers,
    get: (path, query) => request('GET', withQuery(path, query)),
    post: (path, body, key) => request('POST', path, body ?? {}, key),
    patch: (path, body) => request('PATCH', path, body ?? {}),
    del: (path) => request('DELETE', path),
  }
}
