import { computed, onScopeDispose, reactive, shallowRef, watch } from 'vue'
import { useRoute, useRouter, type LocationQuery, type RouteLocationNormalized } from 'vue-router'

/** A list's filters, by the names that they have in the address. */
export type Filters = Record<string, string>

export interface FilterOptions<F extends Filters> {
  /** What each may be, where that is not free: anything else in an address counts as nothing. */
  choices?: { [K in keyof F]?: readonly F[K][] | RegExp }
  /** Those that are written by hand: they wait until the typing rests. */
  typed?: readonly (keyof F)[]
}

const typingMs = 250
const lastPage = 1_000_000

function isChoice(word: string, choices: readonly string[] | RegExp = /./s): boolean {
  return choices instanceof RegExp ? choices.test(word) : choices.includes(word)
}

/** A list's filters and its page. The address says them, so that they can be linked, reloaded and gone back to; what
 * stands there first is `none`, which the address leaves out. A change of a filter leads to the first page. */
export function useFilters<F extends Filters>(none: F, { choices = {}, typed = [] }: FilterOptions<F> = {}) {
  type Asked = { page: number; words: F }
  const route = useRoute()
  const router = useRouter()
  const view = route.matched.at(-1)?.path
  const isHere = (at: RouteLocationNormalized) => at.matched.at(-1)?.path === view
  const names = Object.keys(none) as (keyof F & string)[]

  function wordIn(query: LocationQuery, name: string): string {
    const value = query[name]
    return (Array.isArray(value) ? value[0] : value) ?? ''
  }

  function read(query: LocationQuery): Asked {
    const page = Number(wordIn(query, 'page'))
    const words = names.map((name) => {
      const word = wordIn(query, name)
      return [name, word && isChoice(word, choices[name]) ? word : none[name]]
    })
    return {
      page: Number.isInteger(page) && page >= 1 && page <= lastPage ? page : 1,
      words: Object.fromEntries(words) as F,
    }
  }

  function write({ page, words }: Asked): LocationQuery {
    const query = { ...route.query, page: page > 1 ? String(page) : undefined }
    for (const name of names) Object.assign(query, { [name]: words[name] === none[name] ? undefined : words[name] })
    return query as LocationQuery
  }

  /** What the list is asked for, and what the form says: while someone types, more than was asked. */
  const asked = shallowRef(read(route.query))
  const filter = reactive<Filters>({ ...asked.value.words })
  const said = () => Object.fromEntries(names.map((name) => [name, filter[name]?.trim()])) as F
  const changed = (words: F) => names.filter((name) => words[name] !== asked.value.words[name])

  function ask(page: number, words: F) {
    clearTimeout(pause)
    // To answer in the address would call off the way to another view, which may still be loading.
    if (leaving) return
    asked.value = { page, words }
    void router.replace({ query: write(asked.value) })
  }

  let pause: ReturnType<typeof setTimeout> | undefined
  watch(filter, () => {
    clearTimeout(pause)
    const names = changed(said())
    if (names.length === 0) return
    if (names.every((name) => typed.includes(name))) pause = setTimeout(() => ask(1, said()), typingMs)
    else ask(1, said())
  })

  let leaving = false
  const hooks = [
    router.beforeEach((to) => void (leaving = !isHere(to))),
    router.afterEach((_to, _from, failure) => void (leaving &&= !failure)),
  ]
  onScopeDispose(() => {
    clearTimeout(pause)
    for (const remove of hooks) remove()
  })

  // At once: what is asked for in the same turn must find it done.
  watch(
    () => route.query,
    (query) => {
      const next = read(query)
      if (!isHere(route) || (next.page === asked.value.page && changed(next.words).length === 0)) return
      clearTimeout(pause)
      asked.value = next
      Object.assign(filter, next.words)
    },
    { flush: 'sync' },
  )

  const page = computed({
    get: () => asked.value.page,
    set: (page) => ask(page, asked.value.words),
  })
  return { filter: filter as F, asked, page }
}
