import { Ban, Check, CircleAlert, Clock, HardDrive, Hourglass, Link2Off } from 'lucide-vue-next'
import { computed, type Component } from 'vue'
import { useI18n } from 'vue-i18n'
import type { Generation } from '@/api/types'
import { formatBytes } from '@/lib/format'
import {
  cardState,
  failureClasses,
  isRunning,
  linkClosesAt,
  linkUrgentMs,
  shapeOf,
  slowAfterMs,
  type CardState,
} from '@/lib/generation'
import { modelName, parseModelId } from '@/lib/models'
import { useClock } from '../useClock'
import { useDuration } from '../useDuration'
import { useSora } from './useSora'

const icons: Record<CardState, Component | null> = {
  pending: Clock,
  generating: null,
  saved: Check,
  local: HardDrive,
  link: Hourglass,
  expired: Link2Off,
  failed: CircleAlert,
  unsent: CircleAlert,
  cancelled: Ban,
}

const tones: Partial<Record<CardState, string>> = {
  saved: 'ok',
  local: 'ok',
  link: 'warn',
  failed: 'danger',
  unsent: 'danger',
  generating: '',
}

/** An estimate this long past says nothing any more. */
const overdueMs = 10_000

/** What one card of the timeline says: all words and figures, none of the markup. */
export function useCard(props: { generation: Generation }) {
  const { t, locale } = useI18n()
  const clock = useClock()
  const duration = useDuration()
  const { timeline, models, canSave } = useSora()

  const state = computed(() => cardState(props.generation, clock.now.value))
  const running = computed(() => isRunning(props.generation))
  const shape = computed(() => shapeOf(props.generation))
  const slim = computed(() => ['pending', 'failed', 'unsent', 'cancelled', 'expired'].includes(state.value))
  const since = computed(() => Date.parse(props.generation.started_at ?? props.generation.created_at))
  const elapsed = computed(() => Math.max(0, clock.now.value - since.value))
  const progress = computed(() => Math.min(100, Math.floor(props.generation.progress ?? 0)))
  const linkLeft = computed(() => Math.max(0, (linkClosesAt(props.generation) ?? 0) - clock.now.value))
  const urgent = computed(() => state.value === 'link' && linkLeft.value < linkUrgentMs)
  const tone = computed(() => (urgent.value ? 'danger' : (tones[state.value] ?? 'muted')))
  const icon = computed(() => icons[state.value])

  const failure = computed(() => {
    const code = props.generation.error_code ?? ''
    return (failureClasses as readonly string[]).includes(code) ? code : 'internal'
  })

  const status = computed(() =>
    state.value === 'failed'
      ? t('card.failedAs', { reason: t(`failure.${failure.value}.name`) })
      : t(`card.state.${state.value}`),
  )

  const place = computed(() => Math.max(0, props.generation.queue_position ?? 0))
  /** An upstream has sent it back, and it waits for an account again. */
  const sentBack = computed(() => state.value === 'generating' && place.value > 0)

  const remaining = computed(() => {
    if (sentBack.value) return null
    const deadline = timeline.deadlines.get(props.generation.id)
    if (deadline === undefined) return null
    const rest = deadline - clock.now.value
    if (rest < -overdueMs) return t('card.longer')
    if (rest <= 5000) return t('card.almost')
    return rest < 60_000 ? t('card.underMinute') : t('card.minutesLeft', { n: Math.round(rest / 60_000) })
  })

  const note = computed<string | null>(() => {
    const message = props.generation.error_message
    switch (state.value) {
      case 'pending': {
        // A stand-in, until the server has given it a number.
        if (props.generation.id < 0) return t('card.sending')
        return place.value ? inLine() : t('card.soon')
      }
      case 'generating':
        if (sentBack.value) return t('card.sentBack', { line: inLine() })
        return elapsed.value > slowAfterMs ? t('card.slow') : null
      case 'local':
        return t('card.localNote')
      case 'link':
        return message || t(linkNote())
      case 'expired':
        return t('card.expiredNote')
      case 'failed':
      case 'unsent':
        return message || t(`failure.${failure.value}.text`)
      case 'cancelled':
        return cancelledNote()
      default:
        return null
    }
  })

  function inLine(): string {
    return t('card.inLine', { place: t(`card.place.${ordinal(place.value)}`, { n: place.value }) })
  }

  /** "1st" and "2nd" differ in some languages; the rule is the platform's. */
  function ordinal(n: number): string {
    return new Intl.PluralRules(locale.value, { type: 'ordinal' }).select(n)
  }

  function linkNote(): string {
    if (props.generation.storage_reason === 'quota_exceeded')
      return canSave.value ? 'card.linkNoteQuota' : 'card.linkNoteQuotaNoStorage'
    return canSave.value ? 'card.linkNote' : 'card.linkNoteNoStorage'
  }

  function cancelledNote(): string {
    const end = Date.parse(props.generation.completed_at ?? '')
    return Number.isNaN(end) ? t('card.cancelledNote') : t('card.cancelledAfter', { time: duration(end - since.value) })
  }

  const facts = computed(() => {
    const { model, params, width, height, file_size_bytes: bytes, duration_seconds: seconds } = props.generation
    const parts = parseModelId(model)
    const orientation = parts.orientation ?? params?.orientation
    const length = seconds ?? parts.seconds ?? params?.seconds
    const lines = [modelName(model, models.value)]
    if (length && props.generation.media_type === 'video') lines.push(t('time.seconds', { n: Math.round(length) }))
    if (width && height) lines.push(`${width} × ${height}`)
    else if (orientation === 'landscape' || orientation === 'portrait') lines.push(t(`orientation.${orientation}`))
    if (bytes) lines.push(formatBytes(bytes))
    if (running.value && params?.image_input) lines.push(t('card.reference'))
    return lines
  })

  return {
    state,
    running,
    shape,
    slim,
    elapsed,
    progress,
    sentBack,
    linkLeft,
    urgent,
    tone,
    icon,
    status,
    remaining,
    note,
    facts,
  }
}
