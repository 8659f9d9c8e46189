import { expect, it } from 'vitest'
import { ApiError } from '@/api'
import { withSetup } from '@/test-helpers'
import { useErrorText } from './useErrorText'

it("[ST-10] gives the server's own sentence, and one of the page's where there is none", () => {
  const { result: text, stop } = withSetup(useErrorText)
  expect(text(new ApiError(429, 'x', '存储配额已满'))).toBe('存储配额已满')
  expect(text(new ApiError(0, 'network', ''))).toBe('The server gave no answer.')
  expect(text(new ApiError(502, 'unknown', ''))).toBe('The server answered with status 502.')
  expect(text(new TypeError('x is not a function'))).not.toContain('function')
  stop()
})
