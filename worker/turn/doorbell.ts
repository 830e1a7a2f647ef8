/**
 * How the worker is called. Whoever wants it to look at its sessions rings. The worker waits for that in its event loop, by
 * `Atomics.waitAsync` on the word `doorbell`. For a moment after a reply it lingers: it sleeps on the word `knock`, because a
 * sleeping thread wakes faster than an event loop does. A ring goes to one of the two words, so only one of them wakes the
 * worker.
 *
 * No ring is lost. The caller moves the doorbell first and looks at `lingers` afterwards; the worker changes `lingers` first
 * and looks at its sessions afterwards. So either the caller sees where the worker is, or the worker sees the request.
 */
import { HOST } from '../channel/layout.ts'
import type { Steps } from './steps.ts'

/** How long the worker lingers. It hears no server meanwhile. */
const LINGER_MS = 2

/** Has the worker look at its sessions. Called by the caller, and by any thread that cancels. */
export function ring(words: Int32Array): void {
  Atomics.add(words, HOST.doorbell, 1)
  if (Atomics.load(words, HOST.lingers) === 0) {
    Atomics.notify(words, HOST.doorbell)
    return
  }
  Atomics.add(words, HOST.knock, 1)
  Atomics.notify(words, HOST.knock)
}

/**
 * Lingers for as long as requests come and are done at once. Called by the worker, when no request is in hand.
 * @param handleAll looks at all sessions
 * @param isBusy whether a request is in hand, which needs the event loop
 */
export function* linger(words: Int32Array, handleAll: () => Steps<void>, isBusy: () => boolean): Steps<void> {
  yield 'linger'
  Atomics.store(words, HOST.lingers, 1)
  for (;;) {
    yield 'look at the knock'
    const seen = Atomics.load(words, HOST.knock)
    yield* handleAll()
    if (isBusy()) break
    const woken = yield { words, index: HOST.knock, seen, timeoutMs: LINGER_MS, isInterruptible: false }
    if (woken === 'timed-out') break
  }
  yield 'linger no more'
  Atomics.store(words, HOST.lingers, 0)
  yield* handleAll()
}
