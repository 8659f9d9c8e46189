import { reactive, ref, watch } from 'vue'
import { browserStore, tabStore } from '@/lib/storage'
import type { ModelChoice } from '@/lib/models'

const choiceKey = 'kinora.model'

export interface ReferenceImage {
  /** A data URL, an address, or the UUID of an upload. */
  value: string
  name: string
  /** What it looks like, where the value is no address. */
  preview?: string
}

function storedChoice(): ModelChoice {
  const fallback: ModelChoice = { family: '', orientation: 'landscape', seconds: 10 }
  return { ...fallback, ...(browserStore.readJson(choiceKey) as Partial<ModelChoice> | null) }
}

/** What is in the prompt bar. The words survive a reload of this tab, the model choice survives longer. */
export function useDraft(owner: number) {
  const promptKey = `kinora.draft.${owner}`
  const prompt = ref(tabStore.read(promptKey) ?? '')
  const image = ref<ReferenceImage | null>(null)
  const choice = reactive<ModelChoice>(storedChoice())

  // At once: the page may be left in the same moment.
  watch(prompt, (text) => tabStore.write(promptKey, text), { flush: 'sync' })
  watch(choice, (next) => browserStore.write(choiceKey, JSON.stringify(next)))

  return { prompt, image, choice }
}

export type Draft = ReturnType<typeof useDraft>
