import { describe, expect, it } from 'vitest'
import { createConfirm } from './useConfirm'

const question = { title: 'Stop?', text: '', yes: 'Stop it', no: 'Keep going' }

describe('asking', () => {
  it('is answered once, by yes or by no', async () => {
    const confirm = createConfirm()
    const asked = confirm.ask(question)
    expect(confirm.current.value).toEqual(question)
    confirm.answer(true)
    confirm.answer(false)
    expect(await asked).toBe(true)
    expect(confirm.current.value).toBeNull()
  })

  it('takes a question that another one pushes away as a no', async () => {
    const confirm = createConfirm()
    const first = confirm.ask(question)
    const second = confirm.ask({ ...question, title: 'Delete?' })
    expect(await first).toBe(false)
    confirm.answer(true)
    expect(await second).toBe(true)
  })
})
