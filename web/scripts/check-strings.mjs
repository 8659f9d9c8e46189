import { fileURLToPath } from 'node:url'
import { findStrayStrings } from './stray-strings.mjs'

const found = findStrayStrings(fileURLToPath(new URL('../src', import.meta.url)))
for (const line of found) console.error(line)
if (found.length) {
  console.error(`${found.length} visible string(s) outside the catalogues`)
  process.exitCode = 1
}
