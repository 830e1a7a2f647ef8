/**
 * One Query message with any number of statements; values come as text. The sink gets the end of each statement, in order.
 */
import type { SimpleQueryReply, SimpleQueryRequest } from '../operations.ts'
import type { Column } from '../row-sink.ts'
import { readRowDescription } from './backend.ts'
import { refuseCopyIn, refuseCopyOut, writeCopyGuard } from './copy-misuse.ts'
import { unexpected, writeQueries, type Exchange, type Link } from './exchange.ts'
import { writeQuery } from './frontend.ts'
import {
  COMMAND_COMPLETE,
  COPY_IN_RESPONSE,
  COPY_OUT_RESPONSE,
  EMPTY_QUERY_RESPONSE,
  READY_FOR_QUERY,
  ROW_DESCRIPTION,
} from './tags.ts'

export function* simpleQuery(link: Link, request: SimpleQueryRequest): Exchange<SimpleQueryReply> {
  yield* writeQueries(link, request, () => {
    writeQuery(link.out, request.sql)
    if (link.needsCopyGuard) writeCopyGuard(link.out)
  })
  let results = 0
  let columns: readonly Column[] | null = null
  for (;;) {
    yield
    switch (link.tag) {
      case ROW_DESCRIPTION:
        // The queries of a rule give several results, with one command tag for all of them.
        if (columns !== null) {
          request.results.complete(columns, 'SELECT')
          results++
        }
        columns = readRowDescription(link.body)
        link.rows = request.results
        break
      case COMMAND_COMPLETE:
        request.results.complete(columns, link.commandTag())
        columns = null
        link.rows = null
        results++
        break
      case EMPTY_QUERY_RESPONSE:
        request.results.complete(null, '')
        results++
        break
      case COPY_IN_RESPONSE:
        return yield* refuseCopyIn(link, link.needsCopyGuard ? 'guard' : 'nothing')
      case COPY_OUT_RESPONSE:
        return yield* refuseCopyOut(link)
      case READY_FOR_QUERY:
        return { results }
      default:
        throw unexpected(link, 'Query')
    }
  }
}
