import { useI18n } from 'vue-i18n'
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

/** Takes a reference image from a button, a drop or the clipboard. */
export function useReferenceImage(draft: Draft) {
  const { t } = useI18n()
  const toasts = useToasts()

  async function take(file: File | null | undefined) {
    if (!file) return
    if (!/^image\/(jpeg|png|webp|gif)$/.test(file.type)) {
      toasts.show({ tone: 'danger', text: t('prompt.notAnImage') })
    } else if (file.size > maxImageBytes) {
      toasts.show({ tone: 'danger', text: t('prompt.imageTooLarge') })
    } else {
      draft.image.value = { value: await readDataUrl(file), name: file.name }
    }
  }

  function onPaste(event: ClipboardEvent) {
    const file = [...(event.clipboardData?.files ?? [])].find((item) => item.type.startsWith('image/'))
    if (!file) return
    event.preventDefault()
    void take(file)
  }

  function onDrop(event: DragEvent) {
    const file = event.dataTransfer?.files[0]
    if (!file) return
    event.preventDefault()
    void take(file)
  }

  return { take, onPaste, onDrop }
}
