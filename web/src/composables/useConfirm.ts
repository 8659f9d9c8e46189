import { inject, ref, type InjectionKey, type Ref } from 'vue'

export interface Question {
  title: string
  text: string
  yes: string
  no: string
  danger?: boolean
}

export interface Confirm {
  current: Readonly<Ref<Question | null>>
  ask(question: Question): Promise<boolean>
  answer(yes: boolean): void
}

export const confirmKey: InjectionKey<Confirm> = Symbol('confirm')

export function createConfirm(): Confirm {
  const current = ref<Question | null>(null)
  let settle: ((yes: boolean) => void) | null = null

  function answer(yes: boolean) {
    current.value = null
    settle?.(yes)
    settle = null
  }

  return {
    current,
    answer,
    ask(question) {
      answer(false)
      current.value = question
      return new Promise((resolve) => (settle = resolve))
    },
  }
}

export function useConfirm(): Confirm {
  const confirm = inject(confirmKey)
  if (!confirm) throw new Error('no confirm provided')
  return confirm
}
