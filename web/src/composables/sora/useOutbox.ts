import type { GenerateRequest } from '@/api/types'
import { tabStore } from '@/lib/storage'

/** A submission under way. Under its key the server takes it once, however often it is sent. */
export interface Outgoing {
  key: string
  request: GenerateRequest
  /** Its reference image was too large to be kept here, so it cannot be sent again as it was. */
  lostImage?: boolean
}

/** Random enough to be no one else's; `randomUUID` is missing where the page comes by plain http. */
function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Prompts on their way to the server, kept by this tab until it has answered: neither a reload nor
 * a session that ends in between loses one. `owner` keeps one person's words from another's. */
export function useOutbox(owner: number) {
  const storageKey = `kinora.outbox.${owner}`
  const underWay = new Set<string>()
  /** What got no answer may have been taken: the same once more goes under the same key. */
  const unanswered = new Map<string, string>()

  function read(): Outgoing[] {
    const kept = tabStore.readJson(storageKey)
    return Array.isArray(kept) ? kept.filter((one) => typeof one?.key === 'string' && one.request?.prompt) : []
  }

  const write = (all: Outgoing[]) => tabStore.write(storageKey, JSON.stringify(all))

  /** The key to send it under. */
  function begin(request: GenerateRequest, known?: string): string {
    const key = known ?? unanswered.get(JSON.stringify(request)) ?? newKey()
    const others = read().filter((one) => one.key !== key)
    underWay.add(key)
    if (!write([...others, { key, request }])) {
      const { image_input: _, ...words } = request
      write([...others, { key, request: words, lostImage: true }])
    }
    return key
  }

  function end(key: string, request: GenerateRequest, answered: boolean) {
    underWay.delete(key)
    write(read().filter((one) => one.key !== key))
    if (answered) unanswered.delete(JSON.stringify(request))
    else unanswered.set(JSON.stringify(request), key)
  }

  /** It stays for the next life of this page. */
  const leave = (key: string) => void underWay.delete(key)

  /** What an earlier life of this tab left behind. */
  const left = () => read().filter((one) => !underWay.has(one.key))

  return { begin, end, leave, left }
}

export type Outbox = ReturnType<typeof useOutbox>
