/// <reference types="vitest/config" />
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import tailwindcss from '@tailwindcss/vite'
import vue from '@vitejs/plugin-vue'
import subsetFont from 'subset-font'
import { defineConfig, type Plugin } from 'vite'
import words from './src/locales/start.json' with { type: 'json' }

const server = process.env.KINORA_DEV_SERVER ?? 'http://127.0.0.1:8080'
const proxied = ['/api', '/media', '/v1', '/sora/v1']

interface Graph {
  getModuleInfo(id: string): { importedIds: string[] } | null
}

/** A module, and all that it imports, directly or not. */
function closure(path: string, graph: Graph): Set<string> {
  const found = new Set([fileURLToPath(new URL(path, import.meta.url))])
  for (const module of found) graph.getModuleInfo(module)?.importedIds.forEach((next) => found.add(next))
  return found
}

/** Three files come before every view. What first.ts needs is small, and waits for nothing; libraries.ts says why the
 * libraries stand apart; with them comes all else that main.ts imports, a tenth smaller in one file than in thirty.
 * main.ts is in none of them, so that nothing waits for it while it waits for words. A fourth has what several views
 * share of small things: each in a file of its own, they would be a dozen more, and a browser sends for six at a
 * time. */
function groups() {
  const [first, main] = ['./src/first.ts', './src/main.ts']
  const isCode = (id: string) => !/\.css($|\?)/.test(id)
  const known = new Map<string, Set<string>>()
  const needs = (path: string, id: string, graph: Graph) => {
    if (!known.has(path)) known.set(path, closure(path, graph))
    return isCode(id) && !id.endsWith(path.slice(1)) && known.get(path)!.has(id)
  }
  return [
    {
      name: (id: string, graph: Graph) => (needs(first, id, graph) || /preload-helper/.test(id) ? 'first' : null),
      priority: 2,
    },
    {
      name: 'libraries',
      test: /libraries\.ts$|node_modules\/(@?vue|vue-router|vue-i18n|@intlify|pinia)\//,
      priority: 2,
    },
    { name: (id: string, graph: Graph) => (needs(main, id, graph) ? 'shell' : null), priority: 1 },
    { name: 'common', test: (id: string) => isCode(id) && /\/src\/(ui|lib|composables)\//.test(id), minShareCount: 2 },
  ]
}

/** What first.ts asks for on every visit, it has at once: index.html has sent for it already. */
function preloadFirst(): Plugin {
  return {
    name: 'preload-first',
    transformIndexHtml: {
      order: 'post',
      handler(html, { bundle = {} }) {
        const chunks = Object.values(bundle).filter((file) => file.type === 'chunk')
        const files = ['/src/libraries.ts', '/src/main.ts'].flatMap((path) => {
          const entry = chunks.find((chunk) => chunk.facadeModuleId?.endsWith(path))
          return entry ? [...entry.imports, entry.fileName] : []
        })
        return [...new Set(files)]
          .filter((file) => !html.includes(file))
          .map((file) => ({
            tag: 'link',
            attrs: { rel: 'modulepreload', crossorigin: true, href: `/${file}` },
            injectTo: 'head' as const,
          }))
      },
    },
  }
}

/** What stands there until the page's code does, and what is said where none comes (first.ts) or none may run: in both
 * languages, as no code chooses between them. */
function startWords(): Plugin {
  const [mark] = readFileSync(new URL('./src/ui/UiMark.vue', import.meta.url), 'utf8').match(/<svg.*<\/svg>/s) ?? []
  if (!mark) throw new Error('UiMark.vue has no svg to begin with')
  const say = (key: keyof typeof words.en) =>
    Object.entries(words).map(([lang, said]) => `<p lang="${lang === 'zh' ? 'zh-CN' : lang}">${said[key]}</p>`)
  const start = (inside: string) => `<div class="start">${mark}${inside}</div>`
  const late = `<div id="late" role="alert" hidden>${say('late').join('')}</div>`
  return {
    name: 'start-words',
    transformIndexHtml: (html) =>
      html.replace('<div id="app">', `$&${start(late)}`).replace('<noscript>', `$&${start(say('noScript').join(''))}`),
  }
}

/** `@fonts/inter-first.woff2`: Inter with the signs that its face in fonts.css names, the weights
 * and the features that the page uses. A third of the bytes, which on a phone's network are before the first words. */
function firstFont(): Plugin {
  const whole = fileURLToPath(import.meta.resolve('@fontsource-variable/inter/files/inter-latin-opsz-normal.woff2'))
  const folder = fileURLToPath(new URL('./node_modules/.cache/fonts/', import.meta.url))
  const css = readFileSync(new URL('./src/styles/fonts.css', import.meta.url), 'utf8')
  const [, named = ''] = css.match(/inter-first.*?unicode-range:(.*?);/s) ?? []
  const signs = [...named.matchAll(/U\+([0-9A-F]+)(?:-([0-9A-F]+))?/g)].flatMap(([, from = '', to = from]) => {
    const first = parseInt(from, 16)
    return Array.from({ length: parseInt(to, 16) - first + 1 }, (_, i) => String.fromCodePoint(first + i))
  })
  if (!signs.length) throw new Error('fonts.css names no signs for inter-first.woff2')
  return {
    name: 'first-font',
    async config() {
      const font = await subsetFont(readFileSync(whole), signs.join(''), {
        targetFormat: 'woff2',
        variationAxes: { wght: { min: 400, max: 700 } },
        keepFeatures: ['kern', 'tnum', 'ccmp'],
      })
      mkdirSync(folder, { recursive: true })
      // In one step: another build may be reading it.
      writeFileSync(`${folder}${process.pid}.woff2`, font)
      renameSync(`${folder}${process.pid}.woff2`, `${folder}inter-first.woff2`)
      return { resolve: { alias: { '@fonts': folder } } }
    },
  }
}

export default defineConfig({
  plugins: [vue(), tailwindcss(), startWords(), preloadFirst(), firstFont()],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  define: {
    __VUE_OPTIONS_API__: false,
    __VUE_PROD_DEVTOOLS__: false,
    __VUE_I18N_FULL_INSTALL__: false,
    __VUE_I18N_LEGACY_API__: false,
    __INTLIFY_PROD_DEVTOOLS__: false,
  },
  build: {
    outDir: 'dist',
    // For scripts/check-budget.mjs.
    manifest: true,
    // light-dark() is what a theme is made of here; older targets would have it rewritten.
    target: ['chrome123', 'edge123', 'firefox128', 'safari17.5'],
    // The content policy allows files of our own origin, not data: addresses.
    assetsInlineLimit: 0,
    rolldownOptions: { output: { codeSplitting: { groups: groups() } } },
  },
  server: { proxy: Object.fromEntries(proxied.map((path) => [path, { target: server }])) },
  // One jsdom for all files: nothing here keeps state in a module.
  test: { environment: 'jsdom', include: ['src/**/*.test.ts'], restoreMocks: true, isolate: false },
})
