import { computed, type Ref } from 'vue'
import { useI18n } from 'vue-i18n'
import type { Generation } from '@/api/types'
import { dayOf, formatDate } from '@/lib/format'
import { useClock } from '../useClock'

/** The timeline cut into days, each with its name. */
export function useDays(list: Readonly<Ref<Generation[]>>) {
  const { t, locale } = useI18n()
  const clock = useClock()
  const today = computed(() => dayOf(clock.now.value))
  const yesterday = computed(() => dayOf(clock.now.value - 86_400_000))

  function nameOf(day: string, iso: string): string {
    if (day === today.value) return t('time.today')
    return day === yesterday.value ? t('time.yesterday') : formatDate(iso, locale.value)
  }

  return computed(() => {
    const days: { day: string; name: string; items: Generation[] }[] = []
    for (const item of list.value) {
      const day = dayOf(Date.parse(item.created_at))
      if (days.at(-1)?.day !== day) days.push({ day, name: nameOf(day, item.created_at), items: [] })
      days.at(-1)!.items.push(item)
    }
    return days
  })
}
