/** Storage may be missing, refused or full: then nothing is there, and writing says that it did not hold. */
function keptIn(storage: () => Storage) {
  function read(key: string): string | null {
    try {
      return storage().getItem(key)
    } catch {
      return null
    }
  }

  /** null: nothing there, or no JSON. Its shape is for the caller to check, as an older page may have written it. */
  function readJson(key: string): unknown {
    try {
      return JSON.parse(read(key) ?? 'null')
    } catch {
      return null
    }
  }

  function write(key: string, value: string | null): boolean {
    try {
      if (value === null) storage().removeItem(key)
      else storage().setItem(key, value)
      return true
    } catch {
      return false
    }
  }

  return { read, readJson, write }
}

/** What this browser keeps for every visit. */
export const browserStore = keptIn(() => localStorage)

/** What this tab keeps through a reload, and no other tab sees. */
export const tabStore = keptIn(() => sessionStorage)
