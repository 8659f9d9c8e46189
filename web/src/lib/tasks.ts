/** Runs something as soon as the page has nothing better to do. Gives what calls it off. */
export function whenIdle(run: () => void): () => void {
  // Not every browser tells.
  if (!('requestIdleCallback' in window)) {
    const timer = setTimeout(run, 300)
    return () => clearTimeout(timer)
  }
  const id = requestIdleCallback(run, { timeout: 2000 })
  return () => cancelIdleCallback(id)
}

/** Ends this task of the browser's, so that what was pressed or is to be painted meanwhile comes first. */
export const nextTask = () => new Promise<void>((resolve) => setTimeout(resolve))

/** Runs something in a task behind the next frame; in a tab that nobody sees, when someone does. Gives what calls it
 * off. */
export function behindFrame(run: () => void): () => void {
  let timer = 0
  const frame = requestAnimationFrame(() => (timer = window.setTimeout(run)))
  return () => {
    cancelAnimationFrame(frame)
    clearTimeout(timer)
  }
}

export const nextFrame = () => new Promise<void>(behindFrame)
