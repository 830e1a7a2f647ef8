/**
 * Waiting that ends: a promise, a time limit and an AbortSignal, whichever is first. The timers here are of calls that
 * somebody waits for, so they keep the process alive; those of an idle pool are in `upkeep.ts` and do not.
 */

/** What setTimeout can count; it takes a longer time for no time at all. */
const LONGEST_TIMER_MS = 2_147_483_647

/** What ends the waiting early. */
export interface Limit {
  /** Infinity for no limit. */
  readonly limitMs: number
  /** Makes the error of a limit that has passed. */
  late(): Error
  readonly signal?: AbortSignal | undefined
}

/** Starts a timer, none for Infinity. @returns what `clearTimeout` takes. */
export function startTimer(limitMs: number, ring: () => void): NodeJS.Timeout | undefined {
  return limitMs === Infinity ? undefined : setTimeout(ring, Math.min(limitMs, LONGEST_TIMER_MS))
}

/**
 * Settles as `work` does, or fails first: with the error of the limit or the signal's reason. What becomes of the work
 * after that is for the caller to see to; its late failure is nobody's unhandled rejection.
 */
export function withLimit<T>(work: Promise<T>, { limitMs, late, signal }: Limit): Promise<T> {
  if (limitMs === Infinity && signal === undefined) return work
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer)
      reject(signal?.reason as Error)
    }
    const timer = startTimer(limitMs, () => {
      signal?.removeEventListener('abort', abort)
      reject(late())
    })
    const settle = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
    }
    work.then(resolve, reject).finally(settle)
    if (signal?.aborted === true) abort()
    else signal?.addEventListener('abort', abort, { once: true })
  })
}
