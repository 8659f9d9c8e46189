import type { Generation } from '@/api/types'

/** A finished video, but for what a test says otherwise. */
export function generation(fields: Partial<Generation> = {}): Generation {
  return {
    id: 1,
    model: 'sora2-landscape-10s',
    prompt: 'A lighthouse in fog',
    media_type: 'video',
    status: 'completed',
    storage_type: 's3',
    created_at: '2026-11-21T14:00:00Z',
    ...fields,
  }
}
