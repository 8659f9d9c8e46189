import type { UploadRule, UploadSubType } from '@/api/types'
import { parseBytes } from './format'
import { exactBytes, formatPixels, parsePixels, parseSize } from './limits'

/** What the server takes at most. */
export const rulesMax = 64

/** A rule as its dialog holds it; empty fields say nothing else than usual. */
export interface RuleForm {
  group: number | null
  kind: UploadSubType | null
  size: string
  pixels: string
  quota: string
}

export type RuleProblem = 'nobody' | 'twice' | 'nothing' | 'size' | 'pixels'
export type RuleProblems = Partial<Record<keyof RuleForm, RuleProblem>>

export const holdsVideo = (kind: UploadSubType | null) => kind === 'oc-gallery-video'

export function ruleForm(rule: UploadRule = {}): RuleForm {
  return {
    group: rule.group_id ?? null,
    kind: rule.sub_type ?? null,
    size: rule.max_bytes === undefined ? '' : exactBytes(rule.max_bytes),
    pixels: rule.max_pixels === undefined ? '' : formatPixels(rule.max_pixels),
    quota: rule.quota_bytes === undefined ? '' : exactBytes(rule.quota_bytes),
  }
}

/** What counts of a form: pixels are a picture's, a quota is a whole group's. */
const asksPixels = (form: RuleForm) => form.pixels.trim() !== '' && !holdsVideo(form.kind)
const asksQuota = (form: RuleForm) => form.quota.trim() !== '' && form.kind === null

/** What is wrong, by field; `others` are the rules beside it. */
export function checkRule(form: RuleForm, others: readonly UploadRule[]): RuleProblems {
  const problems: RuleProblems = {}
  const same = (rule: UploadRule) => (rule.group_id ?? null) === form.group && (rule.sub_type ?? null) === form.kind
  if (form.group === null && form.kind === null) problems.group = 'nobody'
  else if (others.some(same)) problems.group = 'twice'
  if (form.size.trim() !== '' && parseSize(form.size) === null) problems.size = 'size'
  if (asksPixels(form) && parsePixels(form.pixels) === null) problems.pixels = 'pixels'
  if (asksQuota(form) && parseBytes(form.quota) === null) problems.quota = 'size'
  if (form.size.trim() === '' && !asksPixels(form) && !asksQuota(form)) problems.size = 'nothing'
  return problems
}

/** The rule of a form in which nothing is wrong. */
export function ruleOf(form: RuleForm): UploadRule {
  const rule: UploadRule = {}
  if (form.group !== null) rule.group_id = form.group
  if (form.kind !== null) rule.sub_type = form.kind
  if (form.size.trim() !== '') rule.max_bytes = parseSize(form.size) ?? 0
  if (asksPixels(form)) rule.max_pixels = parsePixels(form.pixels) ?? 0
  if (asksQuota(form)) rule.quota_bytes = parseBytes(form.quota) ?? 0
  return rule
}
