import { computed, ref } from 'vue'
import { useApi } from '@/api'
import type { Model } from '@/api/types'
import { groupModels } from '@/lib/models'

/** The models that the server offers now. */
export function useModels() {
  const api = useApi().sora
  const models = ref<Model[]>([])
  const modelsLoaded = ref(false)
  const modelsError = ref<unknown>(null)
  const families = computed(() => groupModels(models.value))

  async function loadModels() {
    try {
      models.value = await api.models()
      modelsLoaded.value = true
      modelsError.value = null
    } catch (error) {
      modelsError.value = error
    }
  }

  return { models, modelsLoaded, modelsError, families, loadModels }
}
