/// <reference types="vitest/config" />
import { fileURLToPath } from 'node:url'
import tailwindcss from '@tailwindcss/vite'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'

const server = process.env.KINORA_DEV_SERVER ?? 'http://127.0.0.1:8080'
const proxied = ['/api', '/media', '/v1', '/sora/v1']

interface Graph {
  getModuleInfo(id: string): { importedIds: string[] } | null
}

/** All that main.ts imports, directly or not: it comes before every view anyway, and is a tenth smaller in
 * one file than in thirty. main.ts stays outside, so that nothing waits for it while it waits for words. */
function shell() {
  const main = fileURLToPath(new URL('./src/main.ts', import.meta.url))
  let known: Set<string> | undefined
  return (id: string, graph: Graph) => {
    if (!known) {
      known = new Set(graph.getModuleInfo(main)?.importedIds)
      for (const module of known) graph.getModuleInfo(module)?.importedIds.forEach((next) => known!.add(next))
    }
    return known.has(id) && !/\.css($|\?)/.test(id) ? 'shell' : null
  }
}

export default defineConfig({
  plugins: [vue(), tailwindcss()],
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
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: shell() }] } } },
  },
  server: { proxy: Object.fromEntries(proxied.map((path) => [path, { target: server }])) },
  // One jsdom for all files: nothing here keeps state in a module.
  test: { environment: 'jsdom', include: ['src/**/*.test.ts'], restoreMocks: true, isolate: false },
})
