import type { MediaType, ModelSetting, Orientation } from '@/api/types'

/** What the server takes at most. */
export const modelsMax = 200
const secondsMax = 120
const secondsCount = 8
const sideMax = 16384

/** A model as its dialog holds it. */
export interface ModelForm {
  id: string
  name: string
  media: MediaType
  description: string
  orientation: Orientation | null
  seconds: string
  size: string
  imageInput: boolean
}

export type ModelProblem = 'required' | 'twice' | 'id' | 'long' | 'seconds' | 'size'
export type ModelProblems = Partial<Record<keyof ModelForm, ModelProblem>>

export function modelForm(model: ModelSetting = { id: '' }): ModelForm {
  return {
    id: model.id,
    name: model.name ?? '',
    media: model.media_type ?? 'video',
    description: model.description ?? '',
    orientation: model.orientation ?? null,
    seconds: (model.seconds ?? []).join(', '),
    size: model.size ?? '',
    imageInput: model.image_input ?? true,
  }
}

/** "10, 15 25" → [10, 15, 25]; null where a part of it is no length. */
function readSeconds(text: string): number[] | null {
  const parts = text.split(/[\s,，、]+/).filter(Boolean)
  const seconds = [...new Set(parts.map((part) => (/^\d{1,3}$/.test(part) ? Number(part) : 0)))]
  if (seconds.length > secondsCount || seconds.some((n) => n < 1 || n > secondsMax)) return null
  return seconds.sort((a, b) => a - b)
}

/** "1280 × 720" → "1280x720"; null where it is no size. */
function readSize(text: string): string | null {
  const match = /^(\d{1,5})\s*[x×*]\s*(\d{1,5})$/i.exec(text.trim())
  const sides = match ? [Number(match[1]), Number(match[2])] : []
  return sides.length && sides.every((side) => side > 0 && side <= sideMax) ? sides.join('x') : null
}

const length = (text: string) => [...text].length

/** What is wrong, by field; `others` are the ids beside it. */
export function checkModel(form: ModelForm, others: readonly string[]): ModelProblems {
  const problems: ModelProblems = {}
  const id = form.id.trim()
  if (!id) problems.id = 'required'
  else if (others.includes(id)) problems.id = 'twice'
  else if (length(id) > 128 || /[\s\u0000-\u001f\u007f]/.test(id)) problems.id = 'id'
  if (length(form.name.trim()) > 128) problems.name = 'long'
  if (length(form.description.trim()) > 256) problems.description = 'long'
  if (form.media === 'video' && readSeconds(form.seconds) === null) problems.seconds = 'seconds'
  if (form.size.trim() && readSize(form.size) === null) problems.size = 'size'
  return problems
}

/** The model of a form in which nothing is wrong. */
export function modelOf(form: ModelForm): ModelSetting {
  const id = form.id.trim()
  const seconds = form.media === 'video' ? (readSeconds(form.seconds) ?? []) : []
  const size = readSize(form.size)
  return {
    id,
    name: form.name.trim() || id,
    media_type: form.media,
    description: form.description.trim(),
    ...(form.orientation ? { orientation: form.orientation } : {}),
    ...(seconds.length ? { seconds } : {}),
    ...(size ? { size } : {}),
    image_input: form.imageInput,
  }
}

/** The list with what stands at `from` one place up (-1) or down (1). */
export function moved<T>(list: readonly T[], from: number, by: -1 | 1): T[] {
  const next = [...list]
  const to = from + by
  if (to < 0 || to >= next.length) return next
  next.splice(to, 0, ...next.splice(from, 1))
  return next
}
