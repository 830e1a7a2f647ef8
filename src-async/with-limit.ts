/**
 * Waits for a promise, a time limit or an AbortSignal, whichever comes first. A caller waits for each timer here, so they
 * keep the process alive. The timers of an idle pool are in `upkeep.ts` and do not.
 */

/** The longest time that setTimeout supports; it fires at once for a longer one. */
const LONGEST_TIMER_MS = 2_147_483_647

/** The conditions that end the waiting early. */
export interface Limit {
  /** Infinity for no limit. */
  readonly limitMs: number
  /** Makes the error for a time limit that was reached. */
  late(): Error
  readonly signal?: AbortSignal | undefined
}

/** Starts a timer; no timer for Infinity. @returns the argument for `clearTimeout`. */
export function startTimer(limitMs: number, ring: () => void): NodeJS.Timeout | undefined {
  return limitMs === Infinity ? undefined : setTimeout(ring, Math.min(limitMs, LONGEST_TIMER_MS))
}

/**
 * Settles as `work` does, or rejects earlier with the error of the limit or the signal's reason. The work goes on after
 * that and the caller deals with it; a later failure of it causes no unhandled rejection.
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
