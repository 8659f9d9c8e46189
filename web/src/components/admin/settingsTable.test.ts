import { describe, expect, it } from 'vitest'
import { fromField, isUnreadable, knownGroups, sameValue, settingGroups, toField } from './settingsTable'

const stored: Record<string, unknown> = {
  upload_quota_enabled: true,
  upload_quota_bytes: 1024 ** 3,
  upload_image_max_bytes: 2_000_000,
  upload_video_max_bytes: 200 * 1024 ** 2,
  upload_max_pixels: 50_000_000,
  upload_extra_sub_types: ['scene'],
  upload_rules: [{ group_id: 2, sub_type: 'oc-avatar', max_bytes: 2_000_000 }],
  models: [{ id: 'one', media_type: 'video', image_input: true }],
}
const settings = settingGroups.flatMap((group) => group.settings).filter(({ key }) => key in stored)

describe('the settings of uploads and models', () => {
  it('[UP-5, UP-6, ST-11] come out of their fields as they went in', () => {
    expect(settings.map(({ key }) => key).sort()).toEqual(Object.keys(stored).sort())
    for (const { key, kind } of settings) {
      const field = toField(kind, stored[key])
      expect(isUnreadable(kind, field), key).toBe(false)
      expect(fromField(kind, field), key).toEqual(stored[key])
      expect(sameValue(field, toField(kind, structuredClone(stored[key]))), key).toBe(true)
    }
  })

  it('[UP-5] say what cannot be a limit', () => {
    const kindOf = (key: string) => settings.find((setting) => setting.key === key)!.kind
    expect(isUnreadable(kindOf('upload_image_max_bytes'), '0')).toBe(true)
    expect(isUnreadable(kindOf('upload_video_max_bytes'), '')).toBe(true)
    expect(isUnreadable(kindOf('upload_max_pixels'), 'many')).toBe(true)
    expect(isUnreadable(kindOf('upload_quota_bytes'), '')).toBe(false)
    expect(fromField(kindOf('upload_quota_bytes'), '')).toBe(0)
  })

  it('[ST-11] have no models of their own where the server has none', () => {
    expect(toField('models', null)).toBeNull()
    expect(fromField('models', null)).toBeNull()
    expect(isUnreadable('models', null)).toBe(false)
    expect(knownGroups({ models: null }).map((group) => group.id)).toEqual(['models'])
  })
})
