import { ref } from 'vue'
import { ApiError } from '@/api'
import { useErrorText } from '../useErrorText'
import { useToasts } from '../useToasts'

/** What a refusal for want of room says of it. */
export interface QuotaFigures {
  quota_bytes: number
  used_bytes: number
}

/** Says what the server refused to make or to keep. */
export function useRefusals(loadQuota: () => Promise<void>) {
  const toasts = useToasts()
  const errorText = useErrorText()
  /** While the dialog for a full storage is open. */
  const quotaFull = ref<QuotaFigures | null>(null)
  let refusal = 0

  /** With the way to make room, where that is what it wants. */
  function refused(error: unknown) {
    if (error instanceof ApiError && error.code === 'quota_exceeded') {
      const { quota_bytes, used_bytes } = error.details
      quotaFull.value = { quota_bytes: Number(quota_bytes ?? 0), used_bytes: Number(used_bytes ?? 0) }
      void loadQuota()
    } else {
      refusal = toasts.show({ tone: 'danger', text: errorText(error) })
    }
  }

  /** The next try has begun: what the last one met no longer holds. */
  function tryAgain() {
    toasts.close(refusal)
  }

  return { quotaFull, refused, tryAgain }
}
