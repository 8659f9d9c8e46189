/** Who is there, and what this server offers: the first view waits for both. */
const paths = ['/api/v1/settings/public', '/api/v1/auth/me']
const answers = new Map<string, Promise<Response>>()

/** Sends for them before the page's code, which is larger, has come. */
export function sendFirst(language: string) {
  const headers = { Accept: 'application/json', 'Accept-Language': language, 'X-Requested-With': 'kinora' }
  for (const path of paths) {
    const answer = fetch(path, { headers, credentials: 'same-origin' })
    // Whoever takes it hears of it.
    answer.catch(() => undefined)
    answers.set(path, answer)
  }
}

/** Without its date: when it was sent for is not known to who takes it, and a clock would be set by it. */
function undated({ body, status, headers }: Response): Response {
  const kept = new Headers(headers)
  kept.delete('date')
  return new Response(body, { status, headers: kept })
}

/** As fetch; but an answer that was sent for first is there already, once. */
export function fetchFirst(input: string, init: RequestInit): Promise<Response> {
  const early = init.method === 'GET' ? answers.get(input) : undefined
  if (!early) return fetch(input, init)
  answers.delete(input)
  return early.then(undated)
}
