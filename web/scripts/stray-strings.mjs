// Finds words that people would see but no catalogue holds: text and spoken attributes in
// templates, and Chinese anywhere in code.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'vue/compiler-sfc'

const spoken = new Set(['aria-label', 'title', 'placeholder', 'alt', 'label', 'text', 'hint'])
// The same in every language: the beginning of an address, a size to follow, a key on the keyboard.
const universal = new Set(['https://', '5 GB', '%'])
const han = /\p{Script=Han}/u
const letters = /\p{L}/u

const ELEMENT = 1
const TEXT = 2
const ATTRIBUTE = 6

function walk(node, report) {
  if (node.type === TEXT && letters.test(node.content)) report(node, node.content.trim())
  for (const prop of node.type === ELEMENT ? node.props : []) {
    const value = prop.type === ATTRIBUTE && spoken.has(prop.name) ? prop.value?.content : ''
    if (value && letters.test(value) && !universal.has(value)) report(prop, `${prop.name}="${value}"`)
  }
  for (const child of node.children ?? []) walk(child, report)
}

/** One line for each stray string below a folder: "file:line: words". */
export function findStrayStrings(root) {
  const found = []
  for (const file of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    if (!/\.(vue|ts)$/.test(file) || file.endsWith('.test.ts')) continue
    const text = readFileSync(join(root, file), 'utf8')
    text.split('\n').forEach((line, index) => han.test(line) && found.push(`${file}:${index + 1}: ${line.trim()}`))
    if (!file.endsWith('.vue')) continue
    const template = parse(text, { filename: file }).descriptor.template?.ast
    if (template) walk(template, (node, words) => found.push(`${file}:${node.loc.start.line}: ${words}`))
  }
  return found
}
