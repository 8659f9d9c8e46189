import { ownHeaders } from './client'
import { hasStudio, studioPaths } from './sora'

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

async function isStudioShown(settings: Promise<Answer>, me: Promise<Answer>): Promise<boolean> {
  return (await me).status === 200 && hasStudio(JSON.parse((await settings).text))
}

/** Sends for what the first view needs before the page's code, which is larger, has come; for what the studio needs
 * once it is known that someone is there to see it. */
export function sendFirst(language: string): void {
  const [settings, me] = [send(settingsPath, language), send(mePath, language)]
  const sendStudio = (shown: boolean) => shown && studioPaths.forEach((path) => send(path, language))
  isStudioShown(settings, me).then(sendStudio, () => undefined)
}

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
