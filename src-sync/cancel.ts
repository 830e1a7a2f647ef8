/** Cancels a call from another thread. */
import { ProgrammingError } from '../src-async/errors/tree.ts'
import { type CancelToken, cancelSession } from '../worker/caller/blocking-session.ts'
import { call } from './callers-stack.ts'

export type { CancelToken } from '../worker/caller/blocking-session.ts'

/**
 * Asks the server to cancel the statement that runs on the token's connection. Returns at once. The waiting call throws
 * QueryCanceledError. Later statements are not cancelled.
 * @param token from `Connection.cancelToken`, passed to this thread by `postMessage` or `workerData`
 * @example cancel(con.cancelToken()) // usually in another thread than the one that waits
 */
export function cancel(token: CancelToken): void {
  call(cancel, () => {
    const { session, host } = (token ?? {}) as Partial<CancelToken>
    if (!(session instanceof SharedArrayBuffer) || !(host instanceof SharedArrayBuffer)) {
      throw new ProgrammingError('cancel: expected a token from cancelToken() of a connection')
    }
    cancelSession(token)
  })
}
