import type { MessageCompiler, MessageContext } from 'vue-i18n'

type Context = MessageContext<string>
type Read = (context: Context) => string

/** What stands between the figures' names, and at every second place such a name. */
const partsOf = (text: string) => text.split(/\{(\w+)\}/)

function compile(text: string): Read {
  const forms = text.split(' | ').map(partsOf)
  const say = (context: Context, parts: string[]) =>
    parts.map((part, n) => (n % 2 ? String(context.named(part) ?? '') : part)).join('')
  // A sentence of one form is the same for every number.
  if (forms.length === 1) return (context) => say(context, forms[0]!)
  return (context) => context.plural(forms.map((parts) => say(context, parts)))
}

/** Reads what the catalogues are written in: "{n} files", and "one file | {n} files". The library's own
 * compiler knows much more, and would be a tenth of all that comes before the first view. */
export function createCompiler(): MessageCompiler<string> {
  const known = new Map<string, Read>()
  return (message) => {
    const text = String(message)
    const read = known.get(text) ?? compile(text)
    known.set(text, read)
    return read
  }
}
