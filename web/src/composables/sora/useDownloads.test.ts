import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { generation } from '@/test-helpers'
import { useDownloads } from './useDownloads'

const clicked: { href: string; target: string; download: string | null }[] = []

beforeEach(() => {
  sessionStorage.clear()
  clicked.length = 0
  vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(function (this: HTMLAnchorElement) {
    clicked.push({ href: this.href, target: this.target, download: this.getAttribute('download') })
  })
})
afterEach(() => vi.restoreAllMocks())

it('[UI-7] hands every file of a work to the browser, and opens those of other origins beside the page', () => {
  const { download } = useDownloads()
  download(generation({ download_urls: ['/media/a', 'https://cdn.example/b'] }))
  expect(clicked).toEqual([
    { href: `${location.origin}/media/a`, target: '', download: '' },
    { href: 'https://cdn.example/b', target: '_blank', download: '' },
  ])
  expect(document.querySelector('a')).toBeNull()
})

it('[UI-5] remembers over a reload which works left the server', () => {
  useDownloads().download(generation({ id: 7, media_url: '/media/a' }))
  expect(useDownloads().done.has(7)).toBe(true)
  sessionStorage.setItem('kinora.downloaded', 'not json')
  expect(useDownloads().done.size).toBe(0)
})
