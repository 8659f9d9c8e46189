import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { withSetup } from '@/test-helpers'
import { useCopy } from './useCopy'
import { createToasts, toastsKey } from './useToasts'

const said = { done: 'Copied.', failed: 'Not copied.' }
let stop: () => void

function begin() {
  const toasts = createToasts()
  const made = withSetup(useCopy, (app) => void app.provide(toastsKey, toasts))
  stop = made.stop
  return { copy: made.result, toasts }
}

// What execCommand would copy: the text that is selected.
const selected = () => (document.activeElement as HTMLTextAreaElement).value
const executed = vi.fn((_command: string) => true)

beforeEach(() => {
  executed.mockReset().mockReturnValue(true)
  document.execCommand = executed
})
afterEach(() => {
  stop()
  vi.unstubAllGlobals()
  document.body.replaceChildren()
})

it('says that it was copied only where it was', async () => {
  const writeText = vi.fn(async (_text: string) => undefined)
  vi.stubGlobal('navigator', { clipboard: { writeText } })
  const { copy, toasts } = begin()
  await copy('sk-1', said)
  expect(writeText).toHaveBeenCalledWith('sk-1')
  expect(toasts.current.value).toMatchObject({ tone: 'ok', text: 'Copied.' })
  writeText.mockRejectedValue(new Error('not allowed'))
  await copy('sk-2', said)
  expect(toasts.current.value).toMatchObject({ tone: 'ok', text: 'Copied.' })
  executed.mockReturnValue(false)
  await copy('sk-3', said)
  expect(toasts.current.value).toMatchObject({ tone: 'danger', text: 'Not copied.' })
})

it('copies on a page that came by plain http, too, from inside the dialog', async () => {
  vi.stubGlobal('navigator', {})
  document.body.innerHTML = '<div role="dialog"><button>Copy</button></div>'
  const button = document.querySelector('button')!
  button.focus()
  const { copy, toasts } = begin()
  let within: string | null | undefined
  executed.mockImplementation(() => {
    within = document.activeElement?.parentElement?.getAttribute('role')
    return selected() === 'sk-1'
  })
  await copy('sk-1', said)
  expect(executed).toHaveBeenCalledWith('copy')
  expect(within).toBe('dialog')
  expect(toasts.current.value).toMatchObject({ tone: 'ok', text: 'Copied.' })
  expect(document.querySelector('textarea')).toBeNull()
  expect(document.activeElement).toBe(button)
  executed.mockReturnValue(false)
  await copy('sk-2', said)
  expect(toasts.current.value).toMatchObject({ tone: 'danger', text: 'Not copied.' })
})
