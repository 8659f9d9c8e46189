import { describe, expect, it } from 'vitest'
import { checkModel, modelForm, modelOf, moved } from './modelSettings'

describe('a model in the settings', () => {
  it('[ST-11] comes out of its form as it went in', () => {
    for (const model of [
      {
        id: 'sora2-landscape-10s',
        name: 'Sora 2, landscape, 10 s',
        media_type: 'video' as const,
        description: 'Video with sound',
        orientation: 'landscape' as const,
        seconds: [10],
        size: '1280x720',
        image_input: true,
      },
      { id: 'gpt-image', name: 'GPT Image', media_type: 'image' as const, description: '', image_input: false },
    ]) {
      expect(checkModel(modelForm(model), [])).toEqual({})
      expect(modelOf(modelForm(model))).toEqual(model)
    }
  })

  it('[ST-11] has an id of its own', () => {
    const check = (id: string) => checkModel({ ...modelForm(), id }, ['taken']).id
    expect(check(' ')).toBe('required')
    expect(check('taken ')).toBe('twice')
    expect(check('two words')).toBe('id')
    expect(check('a'.repeat(129))).toBe('id')
    expect(check('wan-2.2/t2v')).toBeUndefined()
  })

  it('[ST-11] has lengths and a size as people write them', () => {
    const form = { ...modelForm(), id: 'm', seconds: '25, 10 15 10', size: '1280 × 720' }
    expect(checkModel(form, [])).toEqual({})
    expect(modelOf(form)).toMatchObject({ seconds: [10, 15, 25], size: '1280x720' })
    for (const seconds of ['0', '121', '1.5', 'ten', '1 2 3 4 5 6 7 8 9']) {
      expect(checkModel({ ...form, seconds }, []), seconds).toEqual({ seconds: 'seconds' })
    }
    for (const size of ['720', '0x720', '720p', '1280x99999']) {
      expect(checkModel({ ...form, size }, []), size).toEqual({ size: 'size' })
    }
  })

  it('[ST-11] of pictures has no lengths', () => {
    const form = { ...modelForm(), id: 'm', media: 'image' as const, seconds: 'ten' }
    expect(checkModel(form, [])).toEqual({})
    expect(modelOf(form)).not.toHaveProperty('seconds')
  })

  it('[ST-11] changes places with its neighbour, and stays at an end', () => {
    expect(moved(['a', 'b', 'c'], 1, -1)).toEqual(['b', 'a', 'c'])
    expect(moved(['a', 'b', 'c'], 1, 1)).toEqual(['a', 'c', 'b'])
    expect(moved(['a', 'b'], 0, -1)).toEqual(['a', 'b'])
    expect(moved(['a', 'b'], 1, 1)).toEqual(['a', 'b'])
  })
})
