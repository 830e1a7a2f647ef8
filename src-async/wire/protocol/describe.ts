/**
 * Parse and Describe of one statement: asks for its parameters and its columns. The statement is not run.
 */
import type { DescribeReply, DescribeRequest } from '../operations.ts'
import { readParameterDescription, readRowDescription } from './backend.ts'
import { expect, markNotStarted, readPrelude, unexpected, type Exchange, type Link } from './exchange.ts'
import { hasPrelude, writeDescribeStatement, writeParse, writePrelude, writeSync } from './frontend.ts'
import { NO_DATA, PARAMETER_DESCRIPTION, PARSE_COMPLETE, READY_FOR_QUERY, ROW_DESCRIPTION } from './tags.ts'

export function* describe(link: Link, request: DescribeRequest): Exchange<DescribeReply> {
  const { out } = link
  writePrelude(out, request)
  writeParse(out, request.name, request)
  writeDescribeStatement(out, request.name)
  writeSync(out)
  try {
    if (hasPrelude(request)) yield* readPrelude(link, request)
    yield
    expect(link, PARSE_COMPLETE, 'Parse')
  } catch (error) {
    markNotStarted(error)
    throw error
  }
  yield
  expect(link, PARAMETER_DESCRIPTION, 'Describe')
  const parameterTypes = readParameterDescription(link.body)
  yield
  if (link.tag !== NO_DATA && link.tag !== ROW_DESCRIPTION) throw unexpected(link, 'Describe')
  const columns = link.tag === NO_DATA ? null : readRowDescription(link.body)
  yield
  expect(link, READY_FOR_QUERY, 'Describe')
  return { parameterTypes, columns }
}
