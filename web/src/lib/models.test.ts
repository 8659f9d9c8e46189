import { describe, expect, it } from 'vitest'
import type { Model } from '@/api/types'
import { fitChoice, groupModels, modelName, parseModelId, resolveModel } from './models'

const model = (id: string, extra: Partial<Model> = {}): Model => ({
  id,
  name: id,
  media_type: 'video',
  description: '',
  orientations: [],
  seconds: [],
  sizes: [],
  image_input: true,
  ...extra,
})
const sides = ['landscape', 'portrait'] as const
const listed: Model[] = [
  ...sides.flatMap((side) => [25, 10, 15].map((s) => model(`sora2-${side}-${s}s`))),
  ...sides.flatMap((side) => [10, 15].map((s) => model(`sora2pro-hd-${side}-${s}s`))),
  model('wan-2.2', { name: 'Wan 2.2', orientations: ['landscape'], seconds: [4, 8] }),
  model('gpt-image', { name: 'GPT Image', media_type: 'image' }),
  model('gpt-image-landscape', { name: 'GPT Image Landscape', media_type: 'image', orientations: ['landscape'] }),
  model('prompt-enhance-short-10s', { hidden: true }),
]
const families = groupModels(listed)
const family = (id: string) => families.find((item) => item.id === id)!

describe('the model menu', () => {
  it('[UI-3] [ST-11] has one line for models that differ only in orientation and duration', () => {
    expect(families.map((item) => [item.kind, item.name])).toEqual([
      ['video', 'Sora 2'],
      ['video', 'Sora 2 Pro HD'],
      ['video', 'Wan 2.2'],
      ['image', 'GPT Image'],
      ['image', 'GPT Image Landscape'],
    ])
    expect(family('sora2').seconds).toEqual([10, 15, 25])
    expect(family('sora2').orientations).toEqual(['landscape', 'portrait'])
  })

  it('[ST-11] composes the exact id from the choice', () => {
    expect(resolveModel(family('sora2'), { family: 'sora2', orientation: 'portrait', seconds: 25 })).toEqual({
      model: 'sora2-portrait-25s',
    })
  })

  it('passes orientation and seconds as fields to models of another pattern, and nothing to image models', () => {
    expect(resolveModel(family('wan-2.2'), { family: '', orientation: 'landscape', seconds: 8 })).toEqual({
      model: 'wan-2.2',
      orientation: 'landscape',
      seconds: 8,
    })
    expect(resolveModel(family('gpt-image-landscape'), { family: '', orientation: 'landscape', seconds: 10 })).toEqual({
      model: 'gpt-image-landscape',
    })
  })

  it('moves a choice to the nearest that the model can do', () => {
    const choice = { family: 'sora2', orientation: 'portrait', seconds: 25 }
    expect(fitChoice(family('sora2pro-hd'), choice)).toEqual({
      family: 'sora2pro-hd',
      orientation: 'portrait',
      seconds: 15,
    })
    expect(fitChoice(family('wan-2.2'), choice)).toEqual({ family: 'wan-2.2', orientation: 'landscape', seconds: 8 })
  })

  it('reads ids and names them as people know them', () => {
    expect(parseModelId('sora2pro-hd-portrait-15s')).toEqual({
      family: 'sora2pro-hd',
      orientation: 'portrait',
      seconds: 15,
    })
    expect(modelName('sora2pro-landscape-10s')).toBe('Sora 2 Pro')
    expect(modelName('wan-2.2', listed)).toBe('Wan 2.2')
    expect(modelName('unknown-model')).toBe('unknown-model')
  })
})
