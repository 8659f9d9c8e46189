import { reactive } from 'vue'
import type { Generation } from '@/api/types'
import { downloadUrls } from '@/lib/generation'

const storageKey = 'kinora.downloaded'

function stored(): number[] {
  try {
    const ids: unknown = JSON.parse(sessionStorage.getItem(storageKey) ?? '[]')
    return Array.isArray(ids) ? ids.filter((id) => typeof id === 'number') : []
  } catch {
    return []
  }
}

/** Hands files to the browser and remembers, for this tab, which works left the server. */
export function useDownloads() {
  const done = reactive(new Set<number>(stored()))

  function download(generation: Generation) {
    for (const url of downloadUrls(generation)) {
      const link = document.createElement('a')
      link.href = url
      link.download = ''
      link.rel = 'noopener'
      // Another origin ignores `download`; there the file opens beside this page instead of replacing it.
      if (new URL(url, location.href).origin !== location.origin) link.target = '_blank'
      document.body.append(link)
      link.click()
      link.remove()
    }
    done.add(generation.id)
    try {
      sessionStorage.setItem(storageKey, JSON.stringify([...done].slice(-200)))
    } catch {
      /* the tab remembers as long as it lives */
    }
  }

  return { done, download }
}
