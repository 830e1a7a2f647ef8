/** `whole-answer` accepts bytes exactly when an exchange that gets them ends with a reply and reports nothing else. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { GUARD, RUN_GUARD } from '../../../src-async/wire/guard.ts'
import type { ExecuteRequest } from '../../../src-async/wire/operations.ts'
import { execute } from '../../../src-async/wire/protocol/execute.ts'
import { simpleQuery } from '../../../src-async/wire/protocol/simple-query.ts'
import { ANSWER, type AnswerKind, type Question, WholeAnswer } from '../../../src-async/wire/protocol/whole-answer.ts'
import {
  bindComplete,
  closeComplete,
  complete,
  copyInResponse,
  copyOutResponse,
  emptyQuery,
  error,
  executeRequest,
  Harness,
  notice,
  notification,
  parameter,
  parseComplete,
  plain,
  portalSuspended,
  ready,
  RecordingSink,
  row,
  rowDescription,
} from './messages.ts'

const PARSE = { sql: 'select 1', parameterTypes: [] }

function look(bytes: Uint8Array, question: Question): { kind: AnswerKind; tag: unknown; rows: string; status: string } {
  const answer = new WholeAnswer()
  // The memory behind the answer has bytes of an earlier one.
  const memory = Buffer.concat([bytes, ready('E'), complete('SELECT 9')])
  const kind = answer.read(memory, bytes.length, question)
  const rows = memory.subarray(answer.rowsStart, answer.rowsEnd).toString('hex')
  return { kind, tag: answer.tag, rows, status: String.fromCharCode(answer.transactionStatus) }
}

const STARTS: readonly (readonly [string, Partial<ExecuteRequest>, readonly Buffer[]])[] = [
  ['a known statement', {}, []],
  ['a statement to parse', { name: '', parse: PARSE }, [parseComplete]],
  ['a BEGIN before it', { begin: 'begin' }, [parseComplete, bindComplete, complete('BEGIN')]],
  ['statements to close before it', { closing: ['a', 'b'] }, [closeComplete, closeComplete]],
  [
    'all of these',
    { begin: 'begin', closing: ['a'], name: '', parse: PARSE },
    [closeComplete, parseComplete, bindComplete, complete('BEGIN'), parseComplete],
  ],
]

const command = (tag: string): Buffer[] => [parseComplete, bindComplete, complete(tag)]

test.each([
  ['before its rows', GUARD, [...command('RELEASE'), closeComplete], []],
  ['after its rows', RUN_GUARD, [], command('RELEASE')],
])(
  'an answer to a statement whose savepoint ends %s is complete with that message, and not before',
  (_, begin, ofBind, ofRun) => {
    const request = executeRequest(new RecordingSink(), { begin })
    const start = [...command('SAVEPOINT'), bindComplete, ...ofBind, row('a')]
    for (const [end, tag] of [
      [complete('SELECT 1'), 'SELECT 1'],
      [portalSuspended, null],
    ] as const) {
      const bytes = Buffer.concat([...start, end, ...ofRun, ready('T')])
      expect(look(bytes, request)).toEqual({ kind: ANSWER.whole, tag, rows: row('a').toString('hex'), status: 'T' })
      const cut = Array.from(bytes.keys(), (length) => look(bytes.subarray(0, length), request).kind)
      expect(new Set(cut)).toEqual(new Set([ANSWER.incomplete]))
    }
    const unreleased = Buffer.concat([...command('SAVEPOINT'), bindComplete, complete('SELECT 1'), ready('T')])
    expect(look(unreleased, request).kind).toBe(ANSWER.other)
  },
)

describe.each(STARTS)('%s', (_what, more, start) => {
  const request = executeRequest(new RecordingSink(), more)

  test.each([
    ['no rows', complete('UPDATE 0'), '', 'UPDATE 0'],
    [
      'rows',
      Buffer.concat([row('a'), row('bc'), complete('SELECT 2')]),
      Buffer.concat([row('a'), row('bc')]).toString('hex'),
      'SELECT 2',
    ],
    ['a suspended portal', Buffer.concat([row('a'), portalSuspended]), row('a').toString('hex'), null],
    ['an empty query', emptyQuery, '', ''],
  ])('with %s is complete with its last byte, and not before', (_end, end, rows, tag) => {
    const bytes = Buffer.concat([...start, bindComplete, end, ready('T')])
    expect(look(bytes, request)).toEqual({ kind: ANSWER.whole, tag, rows, status: 'T' })
    const cut = Array.from(bytes.keys(), (length) => look(bytes.subarray(0, length), request).kind)
    expect(new Set(cut)).toEqual(new Set([ANSWER.incomplete]))
  })

  test.each([
    ['an error', Buffer.concat([bindComplete, error('22012', 'division by zero'), ready('E')])],
    ['a notice', Buffer.concat([bindComplete, notice('hm'), complete('DO'), ready()])],
    ['a notice before it', Buffer.concat([notice('hm'), bindComplete, complete('DO'), ready()])],
    ['a notification behind it', Buffer.concat([bindComplete, complete('NOTIFY'), ready(), notification('c', '')])],
    ['a parameter', Buffer.concat([bindComplete, complete('SET'), parameter('a', 'b'), ready()])],
    ['a COPY', Buffer.concat([bindComplete, copyInResponse])],
    ['an unknown status', Buffer.concat([bindComplete, complete('SELECT 0'), Buffer.from('Z\0\0\0\x05X', 'latin1')])],
    ['a ReadyForQuery too long', Buffer.concat([bindComplete, complete('X'), Buffer.from('Z\0\0\0\x06II', 'latin1')])],
    ['an impossible length', Buffer.concat([bindComplete, Buffer.from('C\0\0\0\x01', 'latin1'), ready()])],
  ])('with %s is left to the worker', (_end, end) => {
    expect(look(Buffer.concat([...start, end]), request).kind).toBe(ANSWER.other)
  })
})

const piece = fc.constantFrom(
  ...[bindComplete, parseComplete, closeComplete, complete('SELECT 1'), complete(''), emptyQuery, portalSuspended],
  ...[row('a'), row(''), ready(), ready('T'), notice('n'), notification('c', 'p'), parameter('a', 'b')],
  ...[error('22012', 'x'), copyOutResponse],
)

test('for any bytes an answer is complete exactly when the exchange has a reply', () => {
  const likely = fc.tuple(
    fc.array(fc.constantFrom(row('a'), row('b'))),
    fc.constantFrom(complete('SELECT 1'), emptyQuery),
  )
  const answers = fc.oneof(
    fc.array(piece, { maxLength: 8 }),
    likely.map(([rows, end]) => [bindComplete, ...rows, end, ready()]),
    fc.tuple(likely, fc.nat(6), piece).map(([[rows, end], at, odd]) => {
      const messages = [bindComplete, ...rows, end, ready()]
      messages.splice(at, 0, odd)
      return messages
    }),
  )
  let wholeCount = 0
  fc.assert(
    fc.property(fc.constantFrom(...STARTS), answers, ([, more, start], messages) => {
      const bytes = Buffer.concat([...start, ...messages])
      const rows = new RecordingSink()
      const harness = new Harness()
      const request = executeRequest(rows, more)
      const outcome = harness.ask((link) => execute(link, request))
      const broken = harness.hear(bytes)
      const { isIdle } = harness.conversation
      const hasEnded = outcome.endings === 1 && outcome.error === undefined && isIdle && broken === null
      const isPlain = hasEnded && harness.told.length === 0
      const seen = look(bytes, request)
      expect(seen.kind === ANSWER.whole).toBe(isPlain)
      if (!isPlain) return
      wholeCount += 1
      expect({ tag: seen.tag }).toEqual(outcome.reply)
      expect(seen.rows).toBe(rows.rows)
      expect(seen.status).toBe(harness.conversation.transactionStatus)
    }),
    { numRuns: 2000 },
  )
  expect(wholeCount).toBeGreaterThan(100)
})

test('for any bytes an answer to a simple query of one command is complete exactly when the exchange has a reply', () => {
  const command = fc.constantFrom(complete('COMMIT'), complete('SET'), emptyQuery)
  const odd = fc.constantFrom(complete('COMMIT'), rowDescription('a'), row('a'), notice('n'), ready(), portalSuspended)
  const answers = fc.oneof(
    fc.array(fc.oneof(command, odd), { maxLength: 6 }),
    command.map((end) => [end, ready()]),
    fc.tuple(command, fc.nat(2), odd).map(([end, at, more]) => [end, ready()].toSpliced(at, 0, more)),
  )
  let wholeCount = 0
  fc.assert(
    fc.property(fc.constantFrom([], ['a'], ['a', 'b']), answers, (closing, messages) => {
      const bytes = Buffer.concat([...closing.map(() => closeComplete), ...messages])
      const results = new RecordingSink()
      const harness = new Harness()
      const request = { ...plain, closing, sql: 'commit', results }
      const outcome = harness.ask((link) => simpleQuery(link, request))
      const broken = harness.hear(bytes)
      const { isIdle } = harness.conversation
      const hasEnded = outcome.endings === 1 && outcome.error === undefined && isIdle && broken === null
      const hasColumns = messages.some((message) => message[0] === rowDescription('a')[0])
      const isOne = results.log.length === 1 && !hasColumns
      const seen = look(bytes, request)
      expect(seen.kind === ANSWER.whole).toBe(hasEnded && isOne && harness.told.length === 0)
      if (seen.kind !== ANSWER.whole) return
      wholeCount += 1
      expect(results.log).toEqual([`-  ${String(seen.tag)}`])
      expect(seen.status).toBe(harness.conversation.transactionStatus)
    }),
    { numRuns: 1000 },
  )
  expect(wholeCount).toBeGreaterThan(50)
})
