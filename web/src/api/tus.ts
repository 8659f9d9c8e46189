import { ApiError, errorIn, errorOf, readJson, type Client } from './client'
import type { Upload, UploadSubType } from './types'
import type { SendOptions } from './uploads'

const address = '/api/uploads/tus'
const version = '1.0.0'
/** One part of what a bucket takes; what is sent at a time is all that a dying server can lose. */
const pieceBytes = 8 << 20
/** Then the caller is told, who knows whether the network is there. */
const retryDelays = [500, 2000]

export interface ResumableOptions extends SendOptions {
  /** Where the server has the beginning of it. */
  address?: string | null
  /** The server has it at this address from now on; null: it has it no longer. */
  onAddress?: (address: string | null) => void
}

/** How much of an upload the server has. */
export interface Standing {
  offset: number
  length: number
}

const isGone = (error: unknown) => error instanceof ApiError && (error.status === 404 || error.status === 410)

function pathOf(url: string | null): string {
  return new URL(url ?? '', location.href).pathname
}

/** Large files by the tus protocol (https://tus.io/protocols/resumable-upload). */
export function tusApi(client: Client) {
  async function ask(method: string, path: string): Promise<Response> {
    const headers = { ...client.headers(), 'Tus-Resumable': version }
    let response: Response
    try {
      response = await fetch(path, { method, headers, credentials: 'same-origin', keepalive: method === 'DELETE' })
    } catch {
      throw new ApiError(0, 'network', '')
    }
    if (response.ok) return response
    throw await errorIn(response)
  }

  /** How far an upload has come; null when the server has it no longer. */
  async function standingOf(path: string): Promise<Standing | null> {
    try {
      const { headers } = await ask('HEAD', path)
      return { offset: Number(headers.get('upload-offset')), length: Number(headers.get('upload-length')) }
    } catch (error) {
      if (isGone(error)) return null
      throw error
    }
  }

  /** Gives back what the server has of it, and its room. */
  async function abandon(path: string): Promise<void> {
    try {
      await ask('DELETE', path)
    } catch (error) {
      if (!isGone(error)) throw error
    }
  }

  /** Brings the whole file to an upload: an old one from where it stands, or a new one. */
  async function bring(file: File, subType: UploadSubType, options: ResumableOptions): Promise<string> {
    // Not part of the page before someone has a large file.
    const tus = await import('tus-js-client').catch(() => {
      throw new ApiError(0, 'network', '')
    })
    return new Promise((resolve, reject) => {
      const upload = new tus.Upload(file, {
        ...(options.address ? { uploadUrl: options.address } : { endpoint: new URL(address, location.href).href }),
        metadata: { filename: file.name, filetype: file.type, type: 'user_upload', sub_type: subType },
        headers: client.headers(),
        chunkSize: pieceBytes,
        retryDelays,
        storeFingerprintForResuming: false,
        onUploadUrlAvailable: () => options.onAddress?.(pathOf(upload.url)),
        onProgress: (sent, total) => options.onProgress?.(sent, total),
        onSuccess: () => resolve(pathOf(upload.url)),
        onError: (error) => {
          const answer = 'originalResponse' in error ? error.originalResponse : null
          const id = answer?.getHeader('x-request-id') ?? null
          if (answer) reject(errorOf(answer.getStatus(), readJson(answer.getBody()), id))
          else reject(new ApiError(0, 'network', ''))
        },
      })
      const stop = () => {
        void upload.abort()
        reject(new ApiError(0, 'aborted', ''))
      }
      if (options.signal?.aborted) return stop()
      options.signal?.addEventListener('abort', stop)
      upload.start()
    })
  }

  /** By the tus protocol: what breaks or is stopped goes on from where it stood. */
  async function sendResumable(file: File, subType: UploadSubType, options: ResumableOptions): Promise<Upload> {
    let path: string
    try {
      path = await bring(file, subType, options)
    } catch (error) {
      if (!options.address || !isGone(error)) throw error
      options.onAddress?.(null)
      path = await bring(file, subType, { ...options, address: null })
    }
    return (await (await ask('GET', path)).json()) as Upload
  }

  return { sendResumable, standingOf, abandon }
}
