/** Cancelling from another thread than the one that waits. */
import { ProgrammingError } from '../src-async/errors/tree.ts'
import { type CancelToken, cancelSession } from '../worker/caller/blocking-session.ts'
import { call } from './engine.ts'

export type { CancelToken } from '../worker/caller/blocking-session.ts'

/**
 * Asks the server to cancel what runs now on the connection the token is of; returns at once. The call that waits there
 * throws QueryCanceledError; a statement that comes later is not meant.
 * @param token from `Connection.cancelToken`, handed over by `postMessage` or `workerData`
 * @example cancel(con.cancelToken()) // usually in another thread than the one that waits
 */
export function cancel(token: CancelToken): void {
  call(cancel, () => {
    const { session, host } = (token ?? {}) as Partial<CancelToken>
    if (!(session instanceof SharedArrayBuffer) || !(host instanceof SharedArrayBuffer)) {
      throw new ProgrammingError('cancel: expected what cancelToken() of a connection gives')
    }
    cancelSession(token)
  })
}
