import type { Account, AccountType } from '@/api/types'

/** What the account dialogs hold while someone types. */
export interface AccountForm {
  type: AccountType
  name: string
  platform: string
  baseUrl: string
  apiKey: string
  issuer: string
  authorizeUrl: string
  tokenUrl: string
  clientId: string
  clientSecret: string
  scopes: string
  redirectUri: string
  /** What a sign-in has brought; it stands for client and tokens. */
  grant: string
  accessToken: string
  refreshToken: string
  honoursIdempotency: boolean
  http2: boolean
  dialect: string
  priority: string
  concurrency: string
  groupIds: number[]
  proxyUrl: string
  caPem: string
  models: string
  mapping: string
}

/** Why a field cannot be sent: the end of a message key, and figures for it. */
export interface Problem {
  key: string
  values?: Record<string, number>
}

export type Problems = Partial<Record<keyof AccountForm, Problem>>

export const dialectOf: Record<AccountType, string> = { apikey: 'chat', oauth: 'videos' }

/** The address requests begin with, without the parts that the routes bring themselves: `/`, `/v1`, `/sora`, `/sora/v1`. */
export function upstreamRoot(baseUrl: string): string {
  return baseUrl
    .trim()
    .replace(/\/+$/, '')
    .replace(/\/v1$/, '')
    .replace(/\/+$/, '')
    .replace(/\/sora$/, '')
    .replace(/\/+$/, '')
}

/** Where the first request will go: nothing doubled, missing or repeated, whatever was typed. */
export function endpointOf(baseUrl: string, dialect: string): string {
  const root = upstreamRoot(baseUrl)
  if (dialect === 'fal') return `${baseUrl.trim().replace(/\/+$/, '')}/fal-ai/…`
  if (dialect === 'ark') return `${root.replace(/\/api(\/v3)?$/, '')}/api/v3/contents/generations/tasks`
  return dialect === 'chat' ? `${root}/sora/v1/chat/completions` : `${root}/v1/videos`
}

export function checkBaseUrl(text: string): Problem | null {
  const value = text.trim()
  if (!value) return { key: 'required' }
  if (!/^https?:\/\//i.test(value)) return { key: 'scheme' }
  let url: URL
  try {
    url = new URL(value)
  } catch {
    return { key: 'url' }
  }
  if (!url.hostname || /\s/.test(value)) return { key: 'url' }
  return url.username || url.password || value.includes('?') || value.includes('#') ? { key: 'urlParts' } : null
}

function checkNumber(text: string, min: number, max: number): Problem | null {
  const value = Number(text.trim())
  const whole = text.trim() !== '' && Number.isInteger(value) && value >= min && value <= max
  return whole ? null : { key: 'number', values: { min, max } }
}

/** "ours = theirs", one a line; null where a line is neither that nor empty. */
export function parseMapping(text: string): Record<string, string> | null {
  const mapping: Record<string, string> = {}
  for (const line of text.split('\n')) {
    if (!line.trim()) continue
    const match = /^\s*([^=\s][^=]*?)\s*=\s*(\S.*?)\s*$/.exec(line)
    if (!match) return null
    mapping[match[1]!] = match[2]!
  }
  return mapping
}

export function parseLines(text: string): string[] {
  return [
    ...new Set(
      text
        .split(/[\n,]/)
        .map((line) => line.trim())
        .filter(Boolean),
    ),
  ]
}

function leadsElsewhere(baseUrl: string, stored: string): boolean {
  if (checkBaseUrl(baseUrl)) return false
  return !URL.canParse(stored) || new URL(baseUrl.trim()).origin !== new URL(stored).origin
}

/** A key that was typed for one server is not sent to another. */
function checkApiKey(form: AccountForm, stored: string | null): Problem | null {
  if (form.apiKey.trim()) return null
  if (stored === null) return { key: 'required' }
  return leadsElsewhere(form.baseUrl, stored) ? { key: 'keyAgain' } : null
}

/** An address that may be left out. */
function checkAddress(text: string): Problem | null {
  return text.trim() ? checkBaseUrl(text) : null
}

/** Someone has signed in at the upstream, or has its tokens at hand. */
export function hasTokens(form: AccountForm): boolean {
  return Boolean(form.grant || form.accessToken.trim() || form.refreshToken.trim())
}

function checkOauth(form: AccountForm, stored: string | null): Problems {
  const renews = Boolean(form.refreshToken.trim())
  const problems: Problems = {}
  const put = (field: keyof AccountForm, problem: Problem | null) => problem && (problems[field] = problem)
  put('issuer', checkAddress(form.issuer))
  put('authorizeUrl', checkAddress(form.authorizeUrl))
  put('tokenUrl', checkAddress(form.tokenUrl))
  put('clientId', renews && !form.clientId.trim() ? { key: 'required' } : null)
  if (renews && !form.issuer.trim() && !form.tokenUrl.trim()) problems.issuer = { key: 'required' }
  if (!hasTokens(form) && stored === null) problems.grant = { key: 'signIn' }
  else if (!hasTokens(form) && leadsElsewhere(form.baseUrl, stored ?? '')) problems.grant = { key: 'signInAgain' }
  return problems
}

/** `stored`: the address of the account that is edited, whose key stays where none is typed; null for a new one. */
export function checkAccount(form: AccountForm, stored: string | null): Problems {
  const problems: Problems = {}
  const put = (field: keyof AccountForm, problem: Problem | null) => problem && (problems[field] = problem)
  put('name', form.name.trim() ? null : { key: 'required' })
  put('baseUrl', checkBaseUrl(form.baseUrl))
  if (form.type === 'oauth') Object.assign(problems, checkOauth(form, stored))
  else put('apiKey', checkApiKey(form, stored))
  put('priority', checkNumber(form.priority, 0, 1_000_000))
  put('concurrency', checkNumber(form.concurrency, 1, 10_000))
  put('mapping', parseMapping(form.mapping) ? null : { key: 'mapping' })
  return problems
}

/** A secret that was not typed is left out, which keeps the one the server has. */
export function buildClient(form: AccountForm): Record<string, string> {
  const secret = form.clientSecret.trim()
  return {
    issuer: form.issuer.trim(),
    authorize_url: form.authorizeUrl.trim(),
    token_url: form.tokenUrl.trim(),
    client_id: form.clientId.trim(),
    scopes: form.scopes.trim(),
    redirect_uri: form.redirectUri.trim(),
    ...(secret ? { client_secret: secret } : {}),
  }
}

/** What a sign-in has brought goes before what was pasted. */
function buildTokens(form: AccountForm): Record<string, string> {
  if (form.grant) return { grant: form.grant }
  const access = form.accessToken.trim()
  const refresh = form.refreshToken.trim()
  return { ...(access ? { access_token: access } : {}), ...(refresh ? { refresh_token: refresh } : {}) }
}

export function buildCredentials(form: AccountForm): Record<string, string> {
  if (form.type === 'oauth') return { base_url: form.baseUrl.trim(), ...buildClient(form), ...buildTokens(form) }
  const key = form.apiKey.trim()
  return { base_url: form.baseUrl.trim(), ...(key ? { api_key: key } : {}) }
}

export function buildAccount(form: AccountForm): Record<string, unknown> {
  return {
    name: form.name.trim(),
    platform: form.platform,
    type: form.type,
    dialect: form.dialect,
    credentials: buildCredentials(form),
    priority: Number(form.priority),
    concurrency: Number(form.concurrency),
    group_ids: form.groupIds,
    proxy_url: form.proxyUrl.trim() || null,
    ca_pem: form.caPem.trim() || null,
    models: parseLines(form.models),
    model_mapping: parseMapping(form.mapping) ?? {},
    honours_idempotency: form.honoursIdempotency,
    http2: form.http2,
  }
}

export function emptyForm(): AccountForm {
  return {
    type: 'apikey',
    name: '',
    platform: 'sora',
    baseUrl: '',
    apiKey: '',
    issuer: '',
    authorizeUrl: '',
    tokenUrl: '',
    clientId: '',
    clientSecret: '',
    scopes: '',
    redirectUri: '',
    grant: '',
    accessToken: '',
    refreshToken: '',
    honoursIdempotency: false,
    http2: false,
    dialect: 'chat',
    priority: '10',
    concurrency: '3',
    groupIds: [],
    proxyUrl: '',
    caPem: '',
    models: '',
    mapping: '',
  }
}

export function formOf(account: Account): AccountForm {
  return {
    ...emptyForm(),
    type: account.type,
    name: account.name,
    platform: account.platform,
    baseUrl: String(account.credentials?.base_url ?? ''),
    issuer: account.credentials.issuer ?? '',
    authorizeUrl: account.credentials.authorize_url ?? '',
    tokenUrl: account.credentials.token_url ?? '',
    clientId: account.credentials.client_id ?? '',
    scopes: account.credentials.scopes ?? '',
    redirectUri: account.credentials.redirect_uri ?? '',
    dialect: account.dialect,
    honoursIdempotency: account.honours_idempotency ?? false,
    http2: account.http2 ?? false,
    priority: String(account.priority),
    concurrency: String(account.concurrency),
    groupIds: [...(account.group_ids ?? [])],
    proxyUrl: account.proxy_url ?? '',
    caPem: account.ca_pem ?? '',
    models: (account.models ?? []).join('\n'),
    mapping: Object.entries(account.model_mapping ?? {})
      .map(([ours, theirs]) => `${ours} = ${theirs}`)
      .join('\n'),
  }
}
