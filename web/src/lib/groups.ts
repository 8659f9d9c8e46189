import type { Group } from '@/api/types'

/** Where someone new belongs, as the server has it: the group "default", else the oldest. */
export function usualGroup(groups: readonly Group[]): Group | undefined {
  const oldest = [...groups].sort((a, b) => a.id - b.id)
  return oldest.find((group) => group.name === 'default') ?? oldest[0]
}
