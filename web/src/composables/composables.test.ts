import { readFileSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, it } from 'vitest'

it('every composable is run by a test', () => {
  const files = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
  const tests = files
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => readFileSync(join(import.meta.dirname, file), 'utf8'))
  const names = files.filter((file) => /\buse\w+\.ts$/.test(file)).map((file) => basename(file, '.ts').slice(3))
  expect(names.length).toBeGreaterThan(40)
  // What stands behind a composable is made by another name: useClock by createClock.
  const run = (name: string) => new RegExp(`^(?!import).*\\b(use|create|provide)${name}\\b`, 'm')
  expect(names.filter((name) => !tests.some((text) => run(name).test(text)))).toEqual([])
})
