import { describe, expect, it } from 'vitest'
import { checkRule, ruleForm, ruleOf } from './uploadRules'

describe('an exception to the limits of uploads', () => {
  it('[UP-5, UP-6] comes out of its form as it went in', () => {
    for (const rule of [
      { group_id: 2, quota_bytes: 10 * 1024 ** 3 },
      { group_id: 2, sub_type: 'oc-avatar' as const, max_bytes: 2_000_000, max_pixels: 4_000_000 },
      { sub_type: 'oc-gallery-video' as const, max_bytes: 1024 ** 3 },
      { group_id: 3, quota_bytes: 0 },
    ]) {
      expect(checkRule(ruleForm(rule), [])).toEqual({})
      expect(ruleOf(ruleForm(rule))).toEqual(rule)
    }
  })

  it('[UP-5] is for somebody or some kind, and the only one for them', () => {
    const form = { ...ruleForm(), size: '2 MB' }
    expect(checkRule(form, [])).toEqual({ group: 'nobody' })
    expect(checkRule({ ...form, group: 2 }, [{ group_id: 2, max_bytes: 1 }])).toEqual({ group: 'twice' })
    expect(checkRule({ ...form, group: 2 }, [{ group_id: 2, sub_type: 'scene', max_bytes: 1 }])).toEqual({})
  })

  it('[UP-5] says something, and what can be read', () => {
    const form = { ...ruleForm(), group: 2 }
    expect(checkRule(form, [])).toEqual({ size: 'nothing' })
    expect(checkRule({ ...form, size: 'big' }, [])).toEqual({ size: 'size' })
    expect(checkRule({ ...form, size: '0' }, [])).toEqual({ size: 'size' })
    expect(checkRule({ ...form, pixels: '0' }, [])).toEqual({ pixels: 'pixels' })
    expect(checkRule({ ...form, quota: 'much' }, [])).toEqual({ quota: 'size' })
  })

  it('[UP-5, UP-6] has no pixels for videos and no quota for one kind', () => {
    const form = { group: 2, kind: 'oc-gallery-video' as const, size: '1 GB', pixels: 'many', quota: 'much' }
    expect(checkRule(form, [])).toEqual({})
    expect(ruleOf(form)).toEqual({ group_id: 2, sub_type: 'oc-gallery-video', max_bytes: 1024 ** 3 })
  })
})
