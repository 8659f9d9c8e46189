import { useI18n } from 'vue-i18n'
import { usePageFiles } from '../usePageFiles'
import { useToasts } from '../useToasts'
import type { Draft } from './useDraft'

export const maxImageBytes = 20 * 1024 * 1024

function readDataUrl(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.onload = () => resolve(String(reader.result))
    reader.onerror = () => reject(reader.error ?? new Error('unreadable'))
    reader.readAsDataURL(file)
  })
}

/** Takes a reference image from a button, a drop anywhere on the page, or the clipboard. */
export function useReferenceImage(draft: Draft, allowed: () => boolean) {
  const { t } = useI18n()
  const toasts = useToasts()

  async function take(file: File | null | undefined) {
    if (!file) return
    if (!allowed()) {
      toasts.show({ tone: 'warn', text: t('prompt.noReference') })
    } else if (!/^image\/(jpeg|png|webp|gif)$/.test(file.type)) {
      toasts.show({ tone: 'danger', text: t('prompt.notAnImage') })
    } else if (file.size > maxImageBytes) {
      toasts.show({ tone: 'danger', text: t('prompt.imageTooLarge') })
    } else {
      const value = await readDataUrl(file).catch(() => null)
      if (value) draft.image.value = { value, name: file.name }
      else toasts.show({ tone: 'danger', text: t('prompt.unreadable') })
    }
  }

  const { dragging } = usePageFiles(
    (file) => void take(file),
    (file) => file.type.startsWith('image/'),
  )

  return { take, dragging }
}
