import type { Palette } from './palette'

/** What all charts share: quiet axes, figures in our type, a tooltip without markup. */
export function axisText(palette: Palette) {
  return { color: palette.faint, fontSize: 11, fontFamily: palette.font }
}

export function categoryAxis(palette: Palette, data: string[], width: number) {
  const shown = Math.max(2, Math.floor(width / 76))
  return {
    type: 'category' as const,
    data,
    axisLine: { lineStyle: { color: palette.line } },
    axisTick: { show: false },
    axisLabel: { ...axisText(palette), interval: Math.max(0, Math.ceil(data.length / shown) - 1), hideOverlap: true },
  }
}

export function valueAxis(palette: Palette, format?: (value: number) => string) {
  return {
    type: 'value' as const,
    minInterval: 1,
    splitNumber: 3,
    splitLine: { lineStyle: { color: palette.line } },
    axisLabel: { ...axisText(palette), ...(format ? { formatter: format } : {}) },
  }
}

export function tooltip(palette: Palette, lines: (index: number) => [string, ...string[]]) {
  return {
    trigger: 'axis' as const,
    renderMode: 'richText' as const,
    confine: true,
    backgroundColor: palette.raised,
    borderColor: palette.strong,
    borderWidth: 1,
    padding: [8, 12],
    textStyle: {
      color: palette.muted,
      fontSize: 12,
      lineHeight: 18,
      fontFamily: palette.font,
      rich: { title: { color: palette.text, fontWeight: 500, fontSize: 12, lineHeight: 18 } },
    },
    axisPointer: { type: 'shadow' as const, shadowStyle: { color: palette.strong, opacity: 0.25 } },
    formatter(points: { dataIndex: number }[]) {
      const [title, ...rest] = lines(points[0]?.dataIndex ?? 0)
      return [`{title|${title}}`, ...rest].join('\n')
    },
  }
}
