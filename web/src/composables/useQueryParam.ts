import { computed } from 'vue'
import { useRoute, useRouter } from 'vue-router'

/** One word of the address's query, so that what is chosen can be linked, reloaded and gone back to.
 * An empty value, or the fallback, leaves the address. With `push` what opens is a step that Back takes
 * again; to change it, or to close it, is not one more. */
export function useQueryParam(name: string, { fallback = '', push = false } = {}) {
  const route = useRoute()
  const router = useRouter()

  return computed<string>({
    get() {
      const value = route.query[name]
      return (Array.isArray(value) ? value[0] : value) || fallback
    },
    set(value) {
      const query = { ...route.query }
      delete query[name]
      if (value && value !== fallback) query[name] = value
      void (push && !route.query[name] ? router.push({ query }) : router.replace({ query }))
    },
  })
}
