import { describe, expect, it } from 'vitest'
import {
  buildAccount,
  buildCredentials,
  checkAccount,
  checkBaseUrl,
  emptyForm,
  endpointOf,
  formOf,
  parseMapping,
} from './credentialsBuilder'

const complete = { ...emptyForm(), name: 'Rack', baseUrl: 'https://hub.example', apiKey: 'sk-1' }

describe('the base URL', () => {
  it('[AC-2] [V-8] is required and begins with http:// or https://', () => {
    expect(checkBaseUrl('')).toEqual({ key: 'required' })
    for (const bad of ['hub.example', 'ftp://hub.example', 'javascript:alert(1)', '//hub.example']) {
      expect(checkBaseUrl(bad), bad).toEqual({ key: 'scheme' })
    }
    for (const bad of ['http://', 'https://a b', 'https://:80']) expect(checkBaseUrl(bad), bad).toEqual({ key: 'url' })
    for (const bad of ['https://me:pw@hub.example', 'https://hub.example/?a=1', 'https://hub.example/#x']) {
      expect(checkBaseUrl(bad), bad).toEqual({ key: 'urlParts' })
    }
    for (const good of [
      'http://10.0.4.21:8000/v1/',
      'HTTPS://hub.example',
      ' https://hub.example ',
      'http://[::1]:8080',
    ]) {
      expect(checkBaseUrl(good), good).toBeNull()
    }
  })

  it('[AC-2] [V-8] joins without a doubled, missing or repeated part', () => {
    const goal = 'https://hub.example/sora/v1/chat/completions'
    for (const path of ['', '/', '//', '/v1', '/v1/', '/sora', '/sora/', '/sora/v1', '/sora/v1/', '/sora/v1//']) {
      expect(endpointOf(`https://hub.example${path}`, 'chat'), path).toBe(goal)
    }
    expect(endpointOf('https://hub.example/kinora/v1/', 'chat')).toBe(
      'https://hub.example/kinora/sora/v1/chat/completions',
    )
    expect(endpointOf('http://10.0.4.21:8000/v1/', 'videos')).toBe('http://10.0.4.21:8000/v1/videos')
    expect(endpointOf('https://queue.fal.run/', 'fal')).toBe('https://queue.fal.run/fal-ai/…')
    for (const base of ['https://ark.example', 'https://ark.example/api/v3/', 'https://ark.example/api'])
      expect(endpointOf(base, 'ark'), base).toBe('https://ark.example/api/v3/contents/generations/tasks')
  })
})

describe('an account', () => {
  it('[AC-2] needs a name, an address and a key, and names each that is missing', () => {
    expect(Object.keys(checkAccount(emptyForm(), null)).sort()).toEqual(['apiKey', 'baseUrl', 'name'])
    expect(checkAccount(complete, null)).toEqual({})
    expect(checkAccount({ ...complete, apiKey: '' }, 'https://hub.example/v1')).toEqual({})
    expect(checkAccount({ ...complete, priority: '1.5', concurrency: '0' }, null)).toMatchObject({
      priority: { key: 'number' },
      concurrency: { key: 'number', values: { min: 1 } },
    })
  })

  it('[AC-2] asks for the key again when the address leads to another server', () => {
    const edited = { ...complete, apiKey: '' }
    for (const stored of ['http://hub.example', 'https://hub.example:8443', 'https://other.example', '']) {
      expect(checkAccount(edited, stored)).toEqual({ apiKey: { key: 'keyAgain' } })
      expect(checkAccount(complete, stored)).toEqual({})
    }
    expect(checkAccount({ ...edited, baseUrl: 'https://hub.example/sora/' }, 'https://hub.example')).toEqual({})
  })

  it('[UI-8] sends its address and key, and no key that was not typed', () => {
    expect(buildCredentials(complete)).toEqual({ base_url: 'https://hub.example', api_key: 'sk-1' })
    expect(buildCredentials({ ...complete, apiKey: '' })).toEqual({ base_url: 'https://hub.example' })
  })

  it('comes back from the server as it was typed', () => {
    const body = buildAccount({ ...complete, models: 'a\nb\na', mapping: 'ours = theirs', groupIds: [2] })
    expect(body).toMatchObject({
      models: ['a', 'b'],
      model_mapping: { ours: 'theirs' },
      group_ids: [2],
      proxy_url: null,
      priority: 10,
    })
    const form = formOf({ id: 1, status: 'active', ...body } as never)
    expect(form).toMatchObject({
      baseUrl: 'https://hub.example',
      apiKey: '',
      models: 'a\nb',
      mapping: 'ours = theirs',
      priority: '10',
    })
  })

  it('reads a mapping line by line', () => {
    expect(parseMapping('a=b\n\n c = d e ')).toEqual({ a: 'b', c: 'd e' })
    expect(parseMapping('a')).toBeNull()
    expect(parseMapping('= b')).toBeNull()
  })
})
