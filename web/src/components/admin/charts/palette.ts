/** The tokens a chart is drawn with, as plain colours: a canvas knows neither var() nor light-dark(). */
const tokens = {
  done: '--color-data-done',
  failed: '--color-data-failed',
  idle: '--color-data-void',
  accent: '--color-accent',
  text: '--color-text',
  muted: '--color-muted',
  faint: '--color-faint',
  line: '--color-line',
  raised: '--color-raised',
  strong: '--color-line-strong',
  card: '--color-card',
}

export type Palette = Record<keyof typeof tokens, string> & { font: string }

/** As they are at this place, in the theme of this moment. */
export function readPalette(at: HTMLElement): Palette {
  const probe = document.createElement('span')
  at.append(probe)
  const read = (token: string) => {
    probe.style.color = `var(${token})`
    return getComputedStyle(probe).color
  }
  const colours = Object.fromEntries(Object.entries(tokens).map(([name, token]) => [name, read(token)]))
  const font = getComputedStyle(probe).fontFamily
  probe.remove()
  return { ...(colours as Record<keyof typeof tokens, string>), font }
}
