/**
 * Checks the elements of `executemany` and `fetchmany`, and puts their values in the order of the server's parameters.
 */
import { DbError, ProgrammingError, amend } from '../src-async/errors/tree.ts'
import { describeValue } from '../src-async/errors/describe-value.ts'
import { type Parameters, bindParameters } from './paramstyle/bind-parameters.ts'
import type { RewrittenStatement } from './paramstyle/rewrite.ts'

/**
 * Gives the values of each element in the order of the server's parameters.
 * @param method the name of the called method, for the message
 * @throws ProgrammingError with `batchIndex` for an element that does not fit.
 */
export function* boundElements(
  rewritten: RewrittenStatement,
  elements: Iterable<Parameters>,
  method: string,
): Generator<readonly unknown[]> {
  let index = 0
  for (const element of elements) yield boundElement(rewritten, element, index++, method)
}

function boundElement(
  rewritten: RewrittenStatement,
  element: Parameters,
  batchIndex: number,
  method: string,
): readonly unknown[] {
  try {
    return bindParameters(rewritten, element)
  } catch (error) {
    if (error instanceof DbError) {
      amend(error, { batchIndex }, `element #${batchIndex} of ${method}: ${error.primaryMessage}`)
    }
    throw error
  }
}

/** @throws ProgrammingError for anything that is not an iterable. */
export function requireIterable<T>(elements: Iterable<T>, method: string): Iterable<T> {
  const candidate: unknown = elements
  if (candidate !== null && typeof candidate === 'object' && Symbol.iterator in candidate) return elements
  throw new ProgrammingError(
    `${method}: expected an iterable of parameter arrays or objects, got ${describeValue(elements)}`,
  )
}
