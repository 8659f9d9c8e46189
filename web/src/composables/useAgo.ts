import { useI18n } from 'vue-i18n'
import { useClock } from './useClock'

/** "3 s ago", "2 min ago", "5 h ago", "4 d ago": short and ticking. */
export function useAgo() {
  const { t } = useI18n()
  const clock = useClock()
  return (ms: number): string => {
    const seconds = Math.max(0, Math.floor((clock.now.value - ms) / 1000))
    if (seconds < 2) return t('time.justNow')
    if (seconds < 60) return t('time.secondsAgo', { n: seconds })
    if (seconds < 3600) return t('time.minutesAgo', { n: Math.floor(seconds / 60) })
    if (seconds < 86_400) return t('time.hoursAgo', { n: Math.floor(seconds / 3600) })
    return t('time.daysAgo', { n: Math.floor(seconds / 86_400) })
  }
}
