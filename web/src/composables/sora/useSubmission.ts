import { useI18n } from 'vue-i18n'
import { ApiError, useApi } from '@/api'
import type { GenerateRequest, Generation, MediaType } from '@/api/types'
import { maxRunning } from '@/lib/generation'
import { useClock } from '../useClock'
import { useErrorText } from '../useErrorText'
import { useToasts } from '../useToasts'
import type { ReferenceImage } from './useDraft'
import type { Outgoing } from './useOutbox'
import { useSora } from './useSora'

/** Pauses before the same is sent again when no answer came. */
const retryAfterMs = [500, 2000]

const unanswered = (error: unknown) => error instanceof ApiError && error.status === 0
/** Whether the server may have taken it all the same: then its next try is the same submission. */
const inDoubt = (error: unknown) => unanswered(error) || (error instanceof ApiError && error.status >= 500)
const imageOf = (value: string | undefined) => (value ? { value, name: '' } : null)

/** Sends prompts. A card stands in the timeline at once; what the server refuses goes back to the prompt bar. */
export function useSubmission() {
  const api = useApi().sora
  const sora = useSora()
  const clock = useClock()
  const toasts = useToasts()
  const errorText = useErrorText()
  const { t } = useI18n()
  let nextLocal = -1

  function standIn(request: GenerateRequest): Generation {
    return {
      id: nextLocal--,
      model: request.model,
      prompt: request.prompt,
      media_type: request.media_type ?? 'video',
      params: {
        orientation: request.orientation,
        seconds: request.seconds,
        image_input: request.image_input !== undefined,
      },
      status: 'pending',
      storage_type: 'none',
      created_at: new Date(clock.read()).toISOString(),
    }
  }

  function giveBack(card: Generation, image: ReferenceImage | null, why: string) {
    if (sora.draft.prompt.value.trim() === '') {
      sora.timeline.drop(card.id)
      sora.draft.prompt.value = card.prompt
      sora.draft.image.value = image
    } else {
      // Something new is being typed: the refused prompt waits in its card instead.
      sora.timeline.put({ ...card, status: 'failed', error_code: 'unsent', error_message: why })
    }
  }

  function refused(card: Generation, image: ReferenceImage | null, error: unknown) {
    giveBack(card, image, errorText(error))
    sora.refused(error)
  }

  /** Asked again under the same key when no answer came: the server takes it once. */
  async function deliver(request: GenerateRequest, key: string) {
    for (const pause of retryAfterMs) {
      try {
        return await api.generate(request, key)
      } catch (error) {
        if (!unanswered(error)) throw error
        await new Promise((resolve) => setTimeout(resolve, pause))
      }
    }
    return api.generate(request, key)
  }

  function failed(card: Generation, outgoing: Outgoing, image: ReferenceImage | null, error: unknown) {
    if (error instanceof ApiError && error.status === 401) {
      // The session is over; whoever signs in again finds it under way.
      sora.outbox.leave(outgoing.key)
      sora.timeline.drop(card.id)
      return
    }
    sora.outbox.end(outgoing.key, outgoing.request, !inDoubt(error))
    refused(card, image, error)
  }

  async function send(request: GenerateRequest, image: ReferenceImage | null, known?: string): Promise<boolean> {
    sora.askPermission()
    sora.tryAgain()
    const card = standIn(request)
    if (request.image_input) sora.references.set(card.id, request.image_input)
    sora.timeline.put(card)
    const sent = sora.timeline.whileSending()
    const key = sora.outbox.begin(request, known)
    try {
      const { generation_id } = await deliver(request, key)
      sora.outbox.end(key, request, true)
      if (request.image_input) sora.references.set(generation_id, request.image_input)
      sora.timeline.drop(card.id)
      sent()
      // An event may have told of it before this answer; its account is the newer one.
      if (!sora.timeline.items.has(generation_id)) sora.timeline.put({ ...card, id: generation_id })
      void sora.timeline.refreshOne(generation_id).catch(() => undefined)
      return true
    } catch (error) {
      sent()
      failed(card, { key, request }, image, error)
      return false
    }
  }

  /** Sends what a reload or the end of a session cut off. */
  async function resume() {
    await Promise.all(
      sora.outbox.left().map(({ key, request, lostImage }) => {
        if (!lostImage) return send(request, imageOf(request.image_input), key)
        sora.outbox.end(key, request, true)
        toasts.show({ tone: 'warn', text: t('sora.imageGone') })
        return giveBack(standIn(request), null, t('sora.imageGone'))
      }),
    )
  }

  async function again(generation: Generation) {
    if (sora.timeline.running.value.length >= maxRunning) {
      toasts.show({ tone: 'warn', text: t('sora.slotsFull') })
      return
    }
    const { orientation, seconds, image_input } = generation.params ?? {}
    const image = sora.referenceOf(generation)
    // Without its image it would be another request: it goes to the prompt bar instead.
    if (image_input && !image) return sora.reuse(generation)
    const request: GenerateRequest = {
      model: generation.model,
      prompt: generation.prompt,
      media_type: generation.media_type as MediaType,
    }
    if (orientation && !generation.model.includes(orientation)) request.orientation = orientation
    if (seconds && !generation.model.endsWith(`-${seconds}s`)) request.seconds = seconds
    if (image) request.image_input = image
    if (generation.error_code === 'unsent') sora.timeline.drop(generation.id)
    await send(request, imageOf(image ?? undefined))
  }

  return { send, again, resume }
}
