import { ApiError, errorOf, readJson, type Client } from './client'
import { tusApi } from './tus'
import type { Page, Upload, UploadSubType, UploadSummary } from './types'

export interface UploadQuery {
  sub_type?: UploadSubType
  page?: number
  page_size?: number
}

export interface SendOptions {
  /** Bytes that have left, of this many. */
  onProgress?: (sent: number, total: number) => void
  signal?: AbortSignal
}

/** By XMLHttpRequest: fetch does not tell how much has left. */
function send(client: Client, file: File, subType: UploadSubType, options: SendOptions = {}): Promise<Upload> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    const form = new FormData()
    // The fields come first: the server takes the bytes as they arrive.
    form.append('type', 'user_upload')
    form.append('sub_type', subType)
    form.append('file', file, file.name)
    request.open('POST', '/api/upload')
    for (const [name, value] of Object.entries(client.headers())) request.setRequestHeader(name, value)
    request.upload.onprogress = (event) => options.onProgress?.(event.loaded, event.total)
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve(JSON.parse(request.responseText) as Upload)
      else reject(errorOf(request.status, readJson(request.responseText), request.getResponseHeader('x-request-id')))
    }
    request.onerror = () => reject(new ApiError(0, 'network', ''))
    request.onabort = () => reject(new ApiError(0, 'aborted', ''))
    options.signal?.addEventListener('abort', () => request.abort())
    request.send(form)
  })
}

export function uploadsApi(client: Client) {
  return {
    summary: () => client.get<UploadSummary>('/api/uploads/summary'),
    list: (query: UploadQuery) => client.get<Page<Upload>>('/api/uploads/list', { ...query }),
    remove: (uuid: string) => client.del(`/api/uploads/${uuid}`),
    send: (file: File, subType: UploadSubType, options?: SendOptions) => send(client, file, subType, options),
    ...tusApi(client),
  }
}
