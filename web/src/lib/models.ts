import type { MediaType, Model, Orientation } from '@/api/types'

/** One line of the model menu: a model, or the models that differ only in orientation and duration. */
export interface ModelFamily {
  id: string
  name: string
  kind: MediaType
  description: string
  orientations: Orientation[]
  seconds: number[]
  imageInput: boolean
  /** Members by `orientation-seconds`; empty where the id itself is the model. */
  members: Map<string, Model>
  model: Model
}

export interface ModelChoice {
  family: string
  orientation: string
  seconds: number
}

const pattern = /^(.+)-(landscape|portrait)-(\d+)s$/

const familyNames: Record<string, string> = {
  sora2: 'Sora 2',
  sora2pro: 'Sora 2 Pro',
  'sora2pro-hd': 'Sora 2 Pro HD',
  'gpt-image': 'GPT Image',
}

export interface ModelParts {
  family: string
  orientation?: string
  seconds?: number
}

/** "sora2pro-hd-portrait-15s" → family "sora2pro-hd", portrait, 15. Other ids are their own family. */
export function parseModelId(id: string): ModelParts {
  const match = pattern.exec(id)
  if (match) return { family: match[1]!, orientation: match[2]!, seconds: Number(match[3]) }
  const image = /^(gpt-image)-(landscape|portrait)$/.exec(id)
  if (image) return { family: image[1]!, orientation: image[2]! }
  return { family: id }
}

/** The name people know a model by; an unknown one is shown as the server names it. */
export function modelName(id: string, models: Model[] = []): string {
  const { family } = parseModelId(id)
  return familyNames[family] ?? models.find((model) => model.id === id)?.name ?? family
}

function newFamily(id: string, model: Model): ModelFamily {
  return {
    id,
    name: familyNames[id] ?? model.name ?? model.id,
    kind: model.media_type,
    description: model.description,
    orientations: model.orientations,
    seconds: model.seconds,
    imageInput: model.image_input,
    members: new Map(),
    model,
  }
}

/** Groups what the server lists, in its order; hidden models stay out. */
export function groupModels(models: Model[]): ModelFamily[] {
  const families = new Map<string, ModelFamily>()
  for (const model of models) {
    if (model.hidden) continue
    const parts = pattern.exec(model.id)
    if (!parts || model.media_type !== 'video') {
      families.set(model.id, newFamily(model.id, model))
      continue
    }
    const [, id, orientation, seconds] = parts as unknown as [string, string, Orientation, string]
    const family = families.get(id) ?? { ...newFamily(id, model), orientations: [], seconds: [] }
    if (!family.orientations.includes(orientation)) family.orientations.push(orientation)
    if (!family.seconds.includes(Number(seconds))) family.seconds.push(Number(seconds))
    family.seconds.sort((a, b) => a - b)
    family.members.set(`${orientation}-${seconds}`, model)
    families.set(id, family)
  }
  return [...families.values()]
}

/** The choice, moved to what the family can do: the same orientation and the nearest duration. */
export function fitChoice(family: ModelFamily, choice: ModelChoice): ModelChoice {
  const orientation =
    family.orientations.find((offered) => offered === choice.orientation) ?? family.orientations[0] ?? ''
  const nearest = [...family.seconds].sort((a, b) => Math.abs(a - choice.seconds) - Math.abs(b - choice.seconds))[0]
  return { family: family.id, orientation, seconds: nearest ?? 0 }
}

/** The exact model id and the fields that go with it. */
export function resolveModel(
  family: ModelFamily,
  choice: ModelChoice,
): { model: string; orientation?: Orientation; seconds?: number } {
  const member = family.members.get(`${choice.orientation}-${choice.seconds}`)
  if (member) return { model: member.id }
  if (family.kind === 'image') return { model: family.model.id }
  const orientation = family.orientations.find((offered) => offered === choice.orientation)
  const seconds = family.seconds.find((offered) => offered === choice.seconds)
  return { model: family.model.id, ...(orientation ? { orientation } : {}), ...(seconds ? { seconds } : {}) }
}
