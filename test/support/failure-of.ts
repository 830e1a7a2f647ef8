/** The error of a call that must fail. A call that succeeds fails the test. */
import type { DbError } from '../../src-async/errors/tree.ts'

/** An error with further fields, of which a test reads some. */
export type Failure = Error & { readonly [field: string]: unknown }

const NO_FAILURE = 'expected a failure, and there was none'

/**
 * The error that a blocking call throws.
 * @param expected a class that the error has to be an instance of; another error is thrown again
 */
export function failureOf<E = DbError>(call: () => unknown, expected?: abstract new (...args: never) => E): E {
  try {
    call()
  } catch (error) {
    if (expected !== undefined && !(error instanceof expected)) throw error
    return error as E
  }
  throw new Error(NO_FAILURE)
}

/**
 * The error of an asynchronous call, or of one that may be either.
 * @param work the promise, or a function that makes the call
 */
export async function failureOfAsync(work: PromiseLike<unknown> | (() => unknown)): Promise<Failure> {
  try {
    await (typeof work === 'function' ? work() : work)
  } catch (error) {
    return error as Failure
  }
  throw new Error(NO_FAILURE)
}

/** The error of a call that may fail; null when it succeeds. */
export async function failureOrNull(work: PromiseLike<unknown> | (() => unknown)): Promise<unknown> {
  try {
    await (typeof work === 'function' ? work() : work)
  } catch (error) {
    return error
  }
  return null
}
