import { useI18n } from 'vue-i18n'
import { ApiError } from '@/api'

/** The server's own sentence, or ours where it gave none. */
export function useErrorText() {
  const { t } = useI18n()
  return (error: unknown): string => {
    if (!(error instanceof ApiError)) return t('errors.unknown')
    if (error.message) return error.message
    return error.status === 0 ? t('errors.noAnswer') : t('errors.status', { status: error.status })
  }
}
