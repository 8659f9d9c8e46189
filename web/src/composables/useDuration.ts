import { useI18n } from 'vue-i18n'

/** How long something took, in words: "48 s", "3 min 12 s". */
export function useDuration() {
  const { t } = useI18n()
  return (ms: number): string => {
    const seconds = Math.max(0, Math.round(ms / 1000))
    if (seconds < 60) return t('time.seconds', { n: seconds })
    return t('time.minutesSeconds', { m: Math.floor(seconds / 60), s: seconds % 60 })
  }
}
