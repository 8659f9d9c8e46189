// The scripts that come before a first view: no more than 150 KiB for any view in any language, by gzip
// and as a browser gets them. Reads the manifest of the built page, follows what each chunk imports, and
// names the chunks where it is too much.
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, gzipSync } from 'node:zlib'

const budget = 150 * 1024
const dist = new URL('../dist/', import.meta.url)
const manifestFile = new URL('.vite/manifest.json', dist)
if (!existsSync(manifestFile)) {
  console.error(`${fileURLToPath(manifestFile)} is missing: build the page first (scripts/page.sh)`)
  process.exit(1)
}
const manifest = JSON.parse(readFileSync(manifestFile, 'utf8'))

// What first.ts asks for on every visit, which index.html has to send for.
const always = ['src/libraries.ts', 'src/main.ts']
const html = readFileSync(new URL('index.html', dist), 'utf8')
for (const file of always.map((name) => manifest[name].file).filter((file) => !html.includes(`/${file}"`))) {
  console.error(`index.html does not send for ${file}, which first.ts asks for on every visit`)
  process.exitCode = 1
}

// Some views stand inside another, which has to be there first.
const frames = [
  [/\/Sora\w+Page\.vue$/, 'src/views/user/SoraView.vue'],
  [/\/(OverviewView|OwnDashboard)\.vue$/, 'src/views/user/DashboardView.vue'],
]
const views = Object.keys(manifest).filter((name) => manifest[name].isDynamicEntry && /\.vue$/.test(name))
const isAdmins = (view) => /\/(admin\/|DashboardView)/.test(view)

/** The chunks of these entries and of all that they import. */
function closure(entries) {
  const found = new Set(entries)
  for (const name of found) {
    if (!manifest[name]) throw new Error(`the manifest knows no ${name}`)
    manifest[name].imports?.forEach((next) => found.add(next))
  }
  return [...found].map((name) => manifest[name].file).filter((file) => file.endsWith('.js'))
}

const sizes = new Map()
function sizeOf(file) {
  if (!sizes.has(file)) {
    const bytes = readFileSync(new URL(file, dist))
    sizes.set(file, { gzip: gzipSync(bytes, { level: 9 }).length, sent: brotliCompressSync(bytes).length })
  }
  return sizes.get(file)
}

const kib = (bytes) => (bytes / 1024).toFixed(1)
const firsts = views.flatMap((view) =>
  ['en', 'zh'].map((language) => {
    const around = frames.filter(([inside]) => inside.test(view)).map(([, frame]) => frame)
    const words = [`src/locales/${language}.json`, ...(isAdmins(view) ? [`src/locales/admin.${language}.json`] : [])]
    const files = closure(['index.html', ...always, ...around, view, ...words])
    const sum = (kind) => files.reduce((all, file) => all + sizeOf(file)[kind], 0)
    return { name: `${view}, ${language}`, files, gzip: sum('gzip'), sent: sum('sent') }
  }),
)
const [largest] = firsts.sort((a, b) => b.gzip - a.gzip)
console.log(`before the largest first view (${largest.name}): ${kib(largest.gzip)} KiB gzip, ${kib(largest.sent)} sent`)
for (const { name, files, gzip, sent } of firsts.filter((first) => Math.max(first.gzip, first.sent) > budget)) {
  console.error(`${name}: ${kib(gzip)} KiB gzip, ${kib(sent)} sent, of ${kib(budget)}`)
  const rows = files.map((file) => [file, sizeOf(file).gzip]).sort((a, b) => b[1] - a[1])
  for (const [file, bytes] of rows) console.error(`  ${kib(bytes).padStart(7)}  ${file}`)
  process.exitCode = 1
}
