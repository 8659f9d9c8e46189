import { ownHeaders } from './client'
import { hasStudio, studioPaths } from './sora'

/** Who is there, and what this server offers: the first view waits for both. */
const settingsPath = '/api/v1/settings/public'
const mePath = '/api/v1/auth/me'

interface Early {
  answer: Promise<Response>
  sentMs: number
}
const early = new Map<string, Early>()

/** An answer that nobody took for so long is asked for anew. */
const keptMs = 10_000

function send(path: string, language: string): Promise<Response> {
  const answer = fetch(path, { headers: ownHeaders(language), credentials: 'same-origin' })
  // Whoever takes it hears of it.
  answer.catch(() => undefined)
  early.set(path, { answer, sentMs: performance.now() })
  return answer
}

async function isStudioShown(settings: Promise<Response>, me: Promise<Response>): Promise<boolean> {
  return (await me).ok && hasStudio(await (await settings).clone().json())
}

/** Sends for what the first view needs before the page's code, which is larger, has come; for what the studio needs
 * once it is known that someone is there to see it. */
export function sendFirst(language: string): void {
  const [settings, me] = [send(settingsPath, language), send(mePath, language)]
  const sendStudio = (shown: boolean) => shown && studioPaths.forEach((path) => send(path, language))
  isStudioShown(settings, me).then(sendStudio, () => undefined)
}

/** Without its date: when it was sent for is not known to who takes it, and a clock would be set by it. */
function undated({ body, status, headers }: Response): Response {
  const kept = new Headers(headers)
  kept.delete('date')
  return new Response(body, { status, headers: kept })
}

/** As fetch; but an answer that was sent for first is there already, once. */
export function fetchFirst(input: string, init: RequestInit): Promise<Response> {
  const found = init.method === 'GET' ? early.get(input) : undefined
  if (!found) return fetch(input, init)
  early.delete(input)
  return performance.now() - found.sentMs < keptMs ? found.answer.then(undated) : fetch(input, init)
}
