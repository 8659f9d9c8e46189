import type { MessageCompiler, MessageContext } from 'vue-i18n'

/** A figure is a text, or with <i18n-t> a piece of the page: the library puts them together. What it calls
 * for that stands in its contexts, though not in their type. */
interface Context extends MessageContext<string> {
  interpolate(figure: unknown): string
  normalize(parts: string[]): string
}
type Read = (context: Context) => string

/** What stands between the figures' names, and at every second place such a name. */
const partsOf = (text: string) => text.split(/\{(\w+)\}/)

function compile(text: string): Read {
  const forms = text.split(' | ').map(partsOf)
  const say = (context: Context, parts: string[]) =>
    context.normalize(
      parts.map((part, n) => (n % 2 ? context.interpolate(context.named(part)) : part)).filter((part) => part !== ''),
    )
  // A sentence of one form is the same for every number.
  if (forms.length === 1) return (context) => say(context, forms[0]!)
  return (context) => context.plural(forms.map((parts) => say(context, parts)))
}

/** Reads what the catalogues are written in: "{n} files", and "one file | {n} files". The library's own
 * compiler knows much more, and would be a thirtieth of all that comes before the first view. */
export function createCompiler(): MessageCompiler<string> {
  const known = new Map<string, Read>()
  return (message) => {
    const text = String(message)
    const read = known.get(text) ?? compile(text)
    known.set(text, read)
    return read as (context: MessageContext<string>) => string
  }
}
