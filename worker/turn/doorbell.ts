/**
 * How a thread wakes the worker so that it looks at its sessions: it rings. The worker waits for a ring in its event loop, by
 * `Atomics.waitAsync` on the word `doorbell`. For two milliseconds after a reply it *lingers*: it leaves the event loop and
 * sleeps on the word `knock`, because a sleeping thread wakes faster than an event loop. A ring notifies only the word that
 * the worker waits on.
 *
 * synckit's calls arrive in the event loop. While the caller makes one (`isCalled`), the worker does not linger.
 *
 * No ring is lost. The caller changes the doorbell first and reads `lingers` afterwards. The worker changes `lingers` first
 * and looks at its sessions afterwards. So either the caller sees where the worker waits, or the worker sees the request.
 */
import { HOST } from '../channel/layout.ts'
import type { Steps } from './steps.ts'

/** How long the worker lingers. It reads from no server during that time. */
const LINGER_MS = 2

/** Makes the worker look at its sessions. The caller calls it, and so does any thread that cancels. */
export function ring(words: Int32Array): void {
  Atomics.add(words, HOST.doorbell, 1)
  if (Atomics.load(words, HOST.lingers) === 0) {
    Atomics.notify(words, HOST.doorbell)
    return
  }
  Atomics.add(words, HOST.knock, 1)
  Atomics.notify(words, HOST.knock)
}

/** Runs a synckit call. The worker ends its lingering, or the call would wait for the end of it. */
export function whileCalled<T>(words: Int32Array, call: () => T): T {
  Atomics.store(words, HOST.isCalled, 1)
  ring(words)
  try {
    return call()
  } finally {
    Atomics.store(words, HOST.isCalled, 0)
  }
}

/**
 * Lingers as long as requests come and the worker can finish them without its event loop. The worker calls it when it
 * performs no request.
 * @param handleAll looks at all sessions
 * @param isBusy whether the worker performs a request, for which it needs the event loop
 */
export function* linger(words: Int32Array, handleAll: () => Steps<void>, isBusy: () => boolean): Steps<void> {
  yield 'linger'
  Atomics.store(words, HOST.lingers, 1)
  for (;;) {
    yield 'look at the knock'
    const seen = Atomics.load(words, HOST.knock)
    yield* handleAll()
    if (isBusy() || Atomics.load(words, HOST.isCalled) === 1) break
    const woken = yield { words, index: HOST.knock, seen, timeoutMs: LINGER_MS, isInterruptible: false }
    if (woken === 'timed-out') break
  }
  yield 'linger no more'
  Atomics.store(words, HOST.lingers, 0)
  yield* handleAll()
}
