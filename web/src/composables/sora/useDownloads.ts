import { reactive } from 'vue'
import type { Generation } from '@/api/types'
import { downloadUrls } from '@/lib/generation'
import { tabStore } from '@/lib/storage'

const storageKey = 'kinora.downloaded'

function stored(): number[] {
  const ids = tabStore.readJson(storageKey)
  return Array.isArray(ids) ? ids.filter((id) => typeof id === 'number') : []
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
    tabStore.write(storageKey, JSON.stringify([...done].slice(-200)))
  }

  return { done, download }
}
