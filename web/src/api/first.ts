import { ownHeaders, readJson } from './client'
import type { Generation, Page, PublicSettings, User } from './types'

/** Who is there, and what this server offers: the first view waits for both. */
const settingsPath = '/api/v1/settings/public'
const mePath = '/api/v1/auth/me'

interface Answer {
  text: string
  status: number
  headers: Headers
}
const early = new Map<string, { answer: Promise<Answer>; language: string; sentMs: number }>()

/** An answer that nobody took for so long is asked for anew; on a slow line the code that takes it comes late. */
const keptMs = 60_000

/** As many as a phone shows at once. */
const firstPictures = 2

/** Read whole, as two may want it. Without its date: when it was sent for is not known to who takes it, and a clock
 * would be set by it. */
async function ask(path: string, language: string): Promise<Answer> {
  const response = await fetch(path, { headers: ownHeaders(language), credentials: 'same-origin' })
  const headers = new Headers(response.headers)
  headers.delete('date')
  return { text: await response.text(), status: response.status, headers }
}

function send(path: string, language: string): Promise<Answer> {
  const answer = ask(path, language)
  // Whoever takes it hears of it.
  answer.catch(() => undefined)
  early.set(path, { answer, language, sentMs: performance.now() })
  return answer
}

/** Who has come, and to what. */
export interface Visit {
  user: User
  settings: PublicSettings
}

export function sendPaths(paths: string[], language: string): void {
  for (const path of paths) void send(path, language)
}

/** Sends for the pictures at the top of a list that was sent for, which are the largest of what is seen first. */
export async function sendPictures(path: string): Promise<void> {
  const answer = await early.get(path)?.answer.catch(() => undefined)
  const list = answer?.status === 200 ? (readJson(answer.text) as Page<Generation> | null) : null
  const posters = list?.data?.flatMap(({ poster_url }) => poster_url ?? []) ?? []
  for (const poster of posters.slice(0, firstPictures)) new Image().src = poster
}

/** Sends for what the first view needs before the page's code, which is larger, has come. Null where nobody is there to
 * see it, and where no answer tells. */
export async function sendFirst(language: string): Promise<Visit | null> {
  try {
    const [settings, me] = await Promise.all([send(settingsPath, language), send(mePath, language)])
    if (me.status !== 200) return null
    return { user: JSON.parse(me.text), settings: JSON.parse(settings.text) }
  } catch {
    return null
  }
}

/** Nobody else is to see what was answered to one person. */
export const forgetFirst = () => early.clear()

/** As fetch; but an answer that was sent for first is there already, once. In another language than the page has come
 * to speak since, as the server offers it, it would be none. */
export async function fetchFirst(input: string, init: RequestInit): Promise<Response> {
  const found = init.method === 'GET' ? early.get(input) : undefined
  if (found) early.delete(input)
  const language = new Headers(init.headers).get('Accept-Language')
  if (!found || found.language !== language || performance.now() - found.sentMs > keptMs) return fetch(input, init)
  const { text, ...rest } = await found.answer
  return new Response(text, rest)
}
