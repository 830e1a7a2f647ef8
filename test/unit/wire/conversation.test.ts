import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DbError, OperationalError, ProgrammingError, ProtocolError } from '../../../src-async/errors/tree.ts'
import type { ExecuteManyRequest, FetchPortalRequest } from '../../../src-async/wire/operations.ts'
import { authServices } from '../../../src-async/wire/auth-services.ts'
import type { Channel } from '../../../src-async/wire/protocol/authentication.ts'
import { copyIn } from '../../../src-async/wire/protocol/copy-in.ts'
import { describe as describeStatement } from '../../../src-async/wire/protocol/describe.ts'
import { executeMany } from '../../../src-async/wire/protocol/execute-many.ts'
import type { Exchange, Link } from '../../../src-async/wire/protocol/exchange.ts'
import { execute } from '../../../src-async/wire/protocol/execute.ts'
import { copyOut, type CopyOutSink } from '../../../src-async/wire/protocol/copy-out.ts'
import { closePortal, closeStatements, fetchPortal } from '../../../src-async/wire/protocol/portal.ts'
import type { RowSink } from '../../../src-async/wire/row-sink.ts'
import { simpleQuery } from '../../../src-async/wire/protocol/simple-query.ts'
import { startup } from '../../../src-async/wire/protocol/startup.ts'
import {
  bindComplete,
  closeComplete,
  complete,
  copyData,
  copyDone,
  copyInResponse,
  copyOutResponse,
  emptyQuery,
  error,
  executeRequest,
  Harness,
  int16,
  int32,
  message,
  noBind,
  noData,
  notice,
  notification,
  parameter,
  parameterDescription,
  parseComplete,
  plain,
  portalSuspended,
  ready,
  RecordingSink,
  row,
  rowDescription,
  welcome,
} from './messages.ts'
import type { Outcome } from './messages.ts'

const plainChannel: Channel = { host: 'h', serverCertificate: null, isPrivate: false }
/** A bind body with one parameter, NULL. */
const oneBind = Buffer.concat([int16(0), int16(1), int32(-1), int16(0)])

function manyRequest(
  count: number,
  more: Partial<ExecuteManyRequest> = {},
  bind: Uint8Array = oneBind,
): ExecuteManyRequest {
  const element = Buffer.concat([int32(bind.length), bind])
  const binds = Buffer.concat(Array.from({ length: count }, () => element))
  return { ...plain, name: 's1', parse: null, binds, count, rows: new RecordingSink(), ...more }
}

const hexOf = (...parts: Uint8Array[]): string => Buffer.concat(parts).toString('hex')

/**
 * Runs an exchange once for each position, with the answer cut in two there.
 * @returns the different outcomes: there must be only one.
 */
function outcomesOfCuts(answer: Uint8Array, ask: (harness: Harness) => () => unknown): unknown[] {
  const outcomes = new Map<string, unknown>()
  for (let cut = 0; cut <= answer.length; cut++) {
    const harness = new Harness()
    const look = ask(harness)
    harness.hear(answer, cut)
    const outcome = { seen: look(), isIdle: harness.conversation.isIdle, broken: harness.conversation.broken }
    outcomes.set(JSON.stringify(outcome), outcome.isIdle && outcome.broken === null ? outcome.seen : outcome)
  }
  return [...outcomes.values()]
}

describe('execute', () => {
  test('gives the rows to the sink and the tag to the caller, wherever the answer is cut', () => {
    const rows = [row('a'), row('bc'), row('')]
    const outcomes = outcomesOfCuts(
      Buffer.concat([bindComplete, ...rows, complete('SELECT 3'), ready()]),
      (harness) => {
        const sink = new RecordingSink()
        const outcome = harness.ask((link) => execute(link, executeRequest(sink)))
        return () => [outcome, sink.rows]
      },
    )
    expect(outcomes).toEqual([[{ endings: 1, reply: { tag: 'SELECT 3' } }, hexOf(...rows)]])
  })

  test('sends Bind, Execute, Sync and nothing else for a named statement', () => {
    const harness = new Harness()
    harness.ask((link) => execute(link, executeRequest(new RecordingSink())))
    expect(harness.sent()).toBe('BES')
  })

  test('sends the closes, BEGIN and the statement in one flight under one Sync', () => {
    const harness = new Harness()
    const parse = { sql: 'select 1', parameterTypes: [] }
    const request = executeRequest(new RecordingSink(), { begin: 'begin', closing: ['a', 'b'], name: '', parse })
    const outcome = harness.ask((link) => execute(link, request))
    expect(harness.sent()).toBe('CCPBEPBES')
    const prelude = [closeComplete, closeComplete, parseComplete, bindComplete, complete('BEGIN')]
    harness.hear(Buffer.concat([...prelude, parseComplete, bindComplete, row('1'), complete('SELECT 1'), ready('T')]))
    expect(outcome).toMatchObject({ reply: { tag: 'SELECT 1' } })
    expect(harness.conversation.transactionStatus).toBe('T')
  })

  test('has no tag for a suspended portal and an empty one for an empty query', () => {
    const harness = new Harness()
    const outcomes = [portalSuspended, emptyQuery].map((end) => {
      const outcome = harness.ask((link) => execute(link, executeRequest(new RecordingSink())))
      harness.hear(Buffer.concat([bindComplete, end, ready()]))
      return outcome
    })
    expect(outcomes.map(({ reply }) => reply)).toEqual([{ tag: null }, { tag: '' }])
  })

  test('fails with the error of the server at ReadyForQuery, not before, wherever the answer is cut', () => {
    const answer = Buffer.concat([bindComplete, row('a'), error('22012', 'division by zero'), ready('E')])
    for (let cut = 0; cut <= answer.length; cut++) {
      const harness = new Harness()
      const outcome = harness.ask((link) => execute(link, executeRequest(new RecordingSink())))
      harness.hear(answer.subarray(0, -6))
      expect(outcome).toEqual({ endings: 0 })
      harness.hear(answer.subarray(-6))
      expect(outcome.error).toMatchObject({ sqlstate: '22012', message: 'division by zero' })
      expect(harness.conversation.transactionStatus).toBe('E')
      expect(harness.conversation.isIdle).toBe(true)
    }
  })

  test('leaves no bytes behind if the request cannot be written', () => {
    const harness = new Harness()
    const parse = { sql: 'select \0', parameterTypes: [] }
    const outcome = harness.ask((link) => execute(link, executeRequest(new RecordingSink(), { parse })))
    expect(outcome.error).toBeInstanceOf(ProgrammingError)
    expect(harness.sent()).toBe('')
    expect(harness.conversation.isIdle).toBe(true)
  })

  test('fails with the error of a sink that throws, and the session stays usable', () => {
    const harness = new Harness()
    const sink = new RecordingSink()
    const failure = new RangeError('full')
    sink.take = () => {
      throw failure
    }
    const outcome = harness.ask((link) => execute(link, executeRequest(sink)))
    harness.hear(Buffer.concat([bindComplete, row('a'), complete('SELECT 1'), ready()]))
    expect(outcome).toMatchObject({ error: failure })
    expect(harness.conversation.broken).toBeNull()
  })
})

describe('pipelined exchanges', () => {
  test('get their answers in order, and a failure affects only its own request', () => {
    const harness = new Harness()
    const sinks = [new RecordingSink(), new RecordingSink(), new RecordingSink()]
    const outcomes = sinks.map((sink) => harness.ask((link) => execute(link, executeRequest(sink))))
    expect(harness.sent()).toBe('BESBESBES')
    const first = [bindComplete, row('1'), complete('SELECT 1'), ready()]
    const second = [error('42P01', 'no table'), ready()]
    const third = [bindComplete, row('3'), complete('SELECT 3'), ready()]
    harness.hear(Buffer.concat([...first, ...second, ...third]))
    expect(outcomes[0]).toMatchObject({ reply: { tag: 'SELECT 1' } })
    expect(outcomes[1]!.error).toMatchObject({ sqlstate: '42P01' })
    expect(outcomes[2]).toMatchObject({ reply: { tag: 'SELECT 3' } })
    expect(sinks.map(({ rows }) => rows)).toEqual([hexOf(row('1')), '', hexOf(row('3'))])
  })

  test('are written only after an earlier exchange has written all of its messages', () => {
    const harness = new Harness()
    const query = { begin: 'begin', closing: [], timeoutMs: 0, sql: 'select 1', results: new RecordingSink() }
    const first = harness.ask((link) => simpleQuery(link, query), true)
    const second = harness.ask((link) => execute(link, executeRequest(new RecordingSink())))
    expect(harness.sent()).toBe('Q')
    harness.hear(Buffer.concat([complete('BEGIN'), ready('T')]))
    expect(harness.sent()).toBe('Q')
    harness.hear(Buffer.concat([rowDescription('a'), row('1'), complete('SELECT 1'), ready('T')]))
    expect(first).toMatchObject({ reply: { results: 1 } })
    expect(harness.sent()).toBe('BES')
    harness.hear(Buffer.concat([bindComplete, complete('SELECT 0'), ready('T')]))
    expect(second).toMatchObject({ reply: { tag: 'SELECT 0' } })
  })
})

describe('a conversation that holds its requests', () => {
  test('writes nothing until it is released', () => {
    const harness = new Harness()
    const ask = (): Outcome => harness.ask((link) => execute(link, executeRequest(new RecordingSink())))
    const running = ask()
    expect(harness.sent()).toBe('BES')
    harness.conversation.hold()
    const waiting = ask()
    harness.hear(Buffer.concat([bindComplete, complete('SELECT 1'), ready()]))
    expect([running.endings, waiting.endings, harness.sent()]).toEqual([1, 0, ''])
    harness.conversation.release()
    expect(harness.sent()).toBe('BES')
    harness.hear(Buffer.concat([bindComplete, complete('SELECT 2'), ready()]))
    expect(waiting.reply).toEqual({ tag: 'SELECT 2' })
  })
})

describe('Parse and Describe', () => {
  test('gives parameter types and columns', () => {
    const outcomes = outcomesOfCuts(
      Buffer.concat([parseComplete, parameterDescription(23, -1), rowDescription('a', 'ü'), ready()]),
      (harness) => {
        const request = { ...plain, name: 's', sql: 'select', parameterTypes: [] }
        const outcome = harness.ask((link) => describeStatement(link, request))
        return () => outcome
      },
    )
    const column = { tableOid: 0, tableColumn: 0, typeOid: 25, typeSize: -1, typeModifier: -1 }
    const columns = ['a', 'ü'].map((name) => ({ name, ...column }))
    expect(outcomes).toEqual([{ endings: 1, reply: { parameterTypes: [23, 4_294_967_295], columns } }])
  })

  test('gives null columns for a statement without rows', () => {
    const harness = new Harness()
    const outcome = harness.ask((link) => describeStatement(link, { ...plain, name: '', sql: 'x', parameterTypes: [] }))
    expect(harness.sent()).toBe('PDS')
    harness.hear(Buffer.concat([parseComplete, parameterDescription(), noData, ready()]))
    expect(outcome).toMatchObject({ reply: { parameterTypes: [], columns: null } })
  })
})

describe('executeMany', () => {
  test('sums the counts and keeps the last tag', () => {
    const harness = new Harness()
    const outcome = harness.ask((link) => executeMany(link, manyRequest(3)))
    expect(harness.sent()).toBe('BEBEBES')
    const tags = ['INSERT 0 1', 'INSERT 0 40', 'INSERT 0 2']
    harness.hear(Buffer.concat([...tags.flatMap((tag) => [bindComplete, complete(tag)]), ready()]))
    expect(outcome).toMatchObject({ reply: { affectedRows: 43, tag: 'INSERT 0 2' } })
  })

  test.each([
    [0, [], 0, ''],
    [1, ['SET'], -1, 'SET'],
    [1, ['CREATE TABLE2'], -1, 'CREATE TABLE2'],
    [2, ['UPDATE 0', 'UPDATE 0'], 0, 'UPDATE 0'],
  ])('of %i elements with the tags %j counts %i', (count, tags, affectedRows, tag) => {
    const harness = new Harness()
    const outcome = harness.ask((link) => executeMany(link, manyRequest(count)))
    harness.hear(Buffer.concat([...tags.flatMap((text) => [bindComplete, complete(text)]), ready()]))
    expect(outcome).toMatchObject({ reply: { affectedRows, tag } })
  })

  test('of a batch behind others gets its own answers, wherever the answer is cut', () => {
    const answer = [bindComplete, row('1'), complete('SELECT 1'), ready()]
    const batch = [bindComplete, complete('INSERT 0 1'), bindComplete, complete('INSERT 0 2'), ready()]
    const outcomes = outcomesOfCuts(Buffer.concat([...answer, ...batch, ...batch]), (harness) => {
      const rows = new RecordingSink()
      const first = harness.ask((link) => execute(link, executeRequest(rows)))
      const second = harness.ask((link) => executeMany(link, manyRequest(2)))
      const third = harness.ask((link) => executeMany(link, manyRequest(2)))
      return () => [first, second, third, rows.log]
    })
    const reply = { affectedRows: 3, tag: 'INSERT 0 2' }
    expect(outcomes).toMatchObject([[{ reply: { tag: 'SELECT 1' } }, { reply }, { reply }, expect.anything()]])
  })

  test('tells which element failed', () => {
    const harness = new Harness()
    const outcome = harness.ask((link) => executeMany(link, manyRequest(3)))
    harness.hear(Buffer.concat([bindComplete, complete('INSERT 0 1'), bindComplete, error('23505', 'twice'), ready()]))
    expect(outcome.error).toMatchObject({ sqlstate: '23505', batchIndex: 1 })
  })

  test.each([
    ['Parse', [error('42601', 'syntax'), ready()]],
    ['Sync', [parseComplete, bindComplete, complete('INSERT 0 1'), error('23503', 'deferred'), ready()]],
  ])('names no element for a failure at %s', (_, answer) => {
    const harness = new Harness()
    const parse = { sql: 'insert', parameterTypes: [] }
    const outcome = harness.ask((link) => executeMany(link, manyRequest(1, { parse })))
    harness.hear(Buffer.concat(answer))
    expect(outcome.error).toBeInstanceOf(DbError)
    expect(outcome.error).not.toHaveProperty('batchIndex')
  })

  test('guards against COPY only if there are no parameters', () => {
    const harness = new Harness()
    harness.ask((link) => executeMany(link, manyRequest(2, {}, noBind)))
    harness.ask((link) => executeMany(link, manyRequest(2, {}, oneBind)))
    expect(harness.sent()).toBe('BEfBESBEBES')
  })

  test('refuses Bind messages that reach beyond their bytes', () => {
    const harness = new Harness()
    for (const binds of [new Uint8Array(3), Buffer.concat([int32(7), noBind]), Buffer.concat([int32(-1), noBind])]) {
      const outcome = harness.ask((link) => executeMany(link, { ...manyRequest(1), binds }))
      expect((outcome.error as Error).message).toMatch(/^bug: /)
    }
    expect(harness.sent()).toBe('')
  })
})

describe('simpleQuery', () => {
  test('ends each result in order, wherever the answer is cut', () => {
    const answer = [
      rowDescription('a', 'b'),
      row('1'),
      row('2'),
      complete('SELECT 2'),
      complete('INSERT 0 1'),
      rowDescription('c'),
      complete('SELECT 0'),
      ready(),
    ]
    const outcomes = outcomesOfCuts(Buffer.concat(answer), (harness) => {
      const results = new RecordingSink()
      const outcome = harness.ask((link) => simpleQuery(link, { ...plain, sql: 'x', results }))
      return () => [outcome, results.log]
    })
    const log = [`a,b ${hexOf(row('1'), row('2'))} SELECT 2`, '-  INSERT 0 1', 'c  SELECT 0']
    expect(outcomes).toEqual([[{ endings: 1, reply: { results: 3 } }, log]])
  })

  test('does not run when BEGIN fails', () => {
    const harness = new Harness()
    const query = {
      begin: 'begin nonsense',
      closing: ['s'],
      timeoutMs: 0,
      sql: 'drop table t',
      results: new RecordingSink(),
    }
    const outcome = harness.ask((link) => simpleQuery(link, query), true)
    expect(harness.sent()).toBe('CQ')
    harness.hear(Buffer.concat([closeComplete, error('42601', 'syntax error'), ready()]))
    expect(outcome.error).toMatchObject({ sqlstate: '42601' })
    expect(harness.sent()).toBe('')
  })
})

/** Executes a statement that is a COPY. */
function runCopy(answer: readonly Uint8Array[], wholeFlights = false): [Outcome, Harness] {
  const harness = new Harness({ sendsWholeFlights: wholeFlights })
  const outcome = harness.ask((link) => execute(link, executeRequest(new RecordingSink())))
  harness.sent()
  harness.hear(Buffer.concat([bindComplete, ...answer]))
  return [outcome, harness]
}

describe('COPY run as a query', () => {
  const reason = 'COPY from stdin failed: syncpg: this call cannot send COPY data'

  test('FROM STDIN is refused with CopyFail, and with a Sync in place of the one that COPY ignored', () => {
    const [outcome, harness] = runCopy([copyInResponse])
    expect(harness.sent()).toBe('fS')
    harness.hear(Buffer.concat([error('57014', reason), ready()]))
    expect(outcome.error).toBeInstanceOf(ProgrammingError)
    expect((outcome.error as Error).message).toMatch(/copyToTable.*copyRecordsToTable/)
    expect(harness.conversation.isIdle).toBe(true)
  })

  test('FROM STDIN that fails before it reads leaves both Syncs to be answered', () => {
    const [outcome, harness] = runCopy([copyInResponse, error('P0001', 'raised by a trigger'), ready()])
    expect(outcome).toEqual({ endings: 0 })
    harness.hear(ready())
    expect(outcome.error).toMatchObject({ sqlstate: 'P0001' })
    expect(harness.conversation.isIdle).toBe(true)
  })

  test('FROM STDIN is refused in advance if a request must be sent in one piece', () => {
    const [outcome, harness] = runCopy([copyInResponse, error('57014', reason), ready()], true)
    expect(outcome.error).toBeInstanceOf(ProgrammingError)
    expect(harness.sent()).toBe('')
  })

  test('TO STDOUT is read to its end and dropped', () => {
    const [outcome, harness] = runCopy([
      copyOutResponse,
      copyData('1\n'),
      copyData('2\n'),
      copyDone,
      complete('COPY 2'),
      ready(),
    ])
    expect((outcome.error as Error).message).toMatch(/copyFromTable.*copyFromQuery/)
    expect(harness.conversation.broken).toBeNull()
    expect(harness.sent()).toBe('')
  })

  test('FROM STDIN in one string with other statements is refused too', () => {
    const harness = new Harness()
    const results = new RecordingSink()
    const outcome = harness.ask((link) => simpleQuery(link, { ...plain, sql: 'x; copy', results }))
    harness.sent()
    harness.hear(Buffer.concat([complete('SET'), copyInResponse]))
    expect(harness.sent()).toBe('f')
    harness.hear(Buffer.concat([error('57014', reason), ready()]))
    expect(outcome.error).toBeInstanceOf(ProgrammingError)
  })

  test('FROM STDIN ahead of other requests breaks the session instead of hanging it', () => {
    const harness = new Harness()
    const outcomes = [0, 1].map(() => harness.ask((link) => execute(link, executeRequest(new RecordingSink()))))
    expect(harness.hear(Buffer.concat([bindComplete, copyInResponse]))).toBeInstanceOf(ProtocolError)
    expect(outcomes.every((outcome) => outcome.error instanceof DbError)).toBe(true)
  })
})

describe('COPY IN', () => {
  test('starts at CopyInResponse and ends at ReadyForQuery', () => {
    const harness = new Harness()
    let isStarted = false
    const outcome = harness.ask((link) => copyIn(link, { ...plain, sql: 'copy' }, () => (isStarted = true)), true)
    harness.hear(copyInResponse)
    expect([isStarted, outcome]).toEqual([true, { endings: 0 }])
    harness.hear(Buffer.concat([complete('COPY 5'), ready()]))
    expect(outcome).toMatchObject({ reply: { tag: 'COPY 5' } })
  })

  test('of a statement that is no COPY is refused, and its rows are dropped', () => {
    const harness = new Harness()
    const outcome = harness.ask((link) => copyIn(link, { ...plain, sql: 'select 1' }, () => {}), true)
    harness.hear(Buffer.concat([rowDescription('a'), row('1'), complete('SELECT 1'), ready()]))
    expect(outcome.error).toBeInstanceOf(ProgrammingError)
    expect(harness.conversation.isIdle).toBe(true)
  })
})

describe('messages that the server sends unasked', () => {
  test('are reported in order and never disturb an exchange', () => {
    const harness = new Harness()
    const sink = new RecordingSink()
    const outcome = harness.ask((link) => execute(link, executeRequest(sink)))
    const answer = [notice('one'), bindComplete, row('a'), parameter('TimeZone', 'UTC'), row('b'), complete('SELECT 2')]
    harness.hear(Buffer.concat([...answer, notification('c', 'p'), ready()]))
    expect(outcome).toMatchObject({ reply: { tag: 'SELECT 2' } })
    expect(sink.rows).toBe(hexOf(row('a'), row('b')))
    expect(harness.told).toEqual(['notice one', 'parameter TimeZone UTC', 'notification c p'])
  })

  test('are reported while no request is open', () => {
    const harness = new Harness()
    expect(harness.hear(Buffer.concat([notification('c', ''), notice('n')]))).toBeNull()
    expect(harness.told).toEqual(['notification c ', 'notice n'])
  })
})

describe('a broken conversation', () => {
  test("fails the running request with the server's FATAL error, and the others with that error as the cause", () => {
    const harness = new Harness()
    const outcomes = [0, 1].map(() => harness.ask((link) => execute(link, executeRequest(new RecordingSink()))))
    const broken = harness.hear(error('57P01', 'terminating connection due to administrator command', 'FATAL'))
    expect(broken).toMatchObject({ sqlstate: '57P01' })
    expect(outcomes[0]!.error).toBe(broken)
    expect(outcomes[1]!.error).toBeInstanceOf(OperationalError)
    expect((outcomes[1]!.error as Error).message).toContain('administrator command')
    const late = harness.ask((link) => execute(link, executeRequest(new RecordingSink())))
    expect(late.error).toBe(broken)
  })

  test('gives its reason to the waiting caller, also behind a request that the driver made itself', () => {
    const harness = new Harness()
    const { conversation } = harness
    conversation.aside(execute(conversation.link, executeRequest(new RecordingSink())))
    const outcomes = [0, 1].map(() => harness.ask((link) => execute(link, executeRequest(new RecordingSink()))))
    const broken = harness.hear(error('57P01', 'terminating connection due to administrator command', 'FATAL'))
    expect(outcomes[0]!.error).toBe(broken)
    expect(outcomes[1]!.error).toMatchObject({ cause: broken })
    expect(conversation.isBreakReported).toBe(true)
  })

  test('still fails the statement with its own error when the end comes before ReadyForQuery', () => {
    const harness = new Harness()
    const outcome = harness.ask((link) => execute(link, executeRequest(new RecordingSink())))
    harness.hear(error('22012', 'division by zero'))
    harness.conversation.breakOff(new OperationalError('gone'))
    expect(outcome.error).toMatchObject({ sqlstate: '22012' })
  })

  test.each([
    ['an unexpected message', bindComplete],
    ['unexpected rows', row('a')],
    ['an unexpected error', error('22012', 'x')],
    ['an unknown letter', message('?')],
    ['a ReadyForQuery with an unknown status', message('Z', 'X')],
    ['a ReadyForQuery without a status', message('Z')],
    ['a notice cut short', message('N', 'Sabc')],
  ])('is caused by %s', (_, bytes) => {
    expect(new Harness().hear(bytes)).toBeInstanceOf(ProtocolError)
  })

  test.each([
    ['a wrong order', Buffer.concat([complete('SELECT 1')])],
    ['rows before BindComplete', row('a')],
    ['a column count beyond the message', Buffer.concat([parseComplete, message('t', int16(-1))])],
  ])('is caused by %s within an exchange, which then fails', (_, bytes) => {
    const harness = new Harness()
    const outcome = harness.ask((link) => describeStatement(link, { ...plain, name: '', sql: '', parameterTypes: [] }))
    expect(harness.hear(bytes)).toBeInstanceOf(ProtocolError)
    expect(outcome.error).toBeInstanceOf(ProtocolError)
  })
})

describe('start-up', () => {
  const request = { user: 'u', password: 'p', database: 'd', parameters: { application_name: 'a' } }

  test('by trust gives the key, wherever the answer is cut', () => {
    for (let cut = 0; cut <= welcome.length; cut++) {
      const harness = new Harness({ isFresh: true })
      const outcome = harness.ask((link) => startup(link, request, plainChannel, authServices))
      harness.hear(welcome, cut)
      expect(outcome.reply).toEqual({ backendPid: 42, secret: Buffer.from('abcd') })
    }
  })

  test('sends user, database, encoding and parameters', () => {
    const harness = new Harness({ isFresh: true })
    harness.ask((link) =>
      startup(
        link,
        { ...request, parameters: { client_encoding: 'LATIN1', search_path: 'x' } },
        plainChannel,
        authServices,
      ),
    )
    const text = harness.conversation.takeOutgoing().toString('latin1').slice(8)
    expect(text.split('\0')).toEqual([
      'user',
      'u',
      'database',
      'd',
      'client_encoding',
      'UTF8',
      'search_path',
      'x',
      '',
      '',
    ])
  })

  test('by md5 sends the salted hash', () => {
    const harness = new Harness({ isFresh: true })
    harness.ask((link) => startup(link, request, plainChannel, authServices))
    harness.conversation.takeOutgoing()
    harness.hear(message('R', 5, Buffer.from([1, 2, 3, 4])))
    // `echo -n pu | md5sum`, then md5 of that text and the salt.
    expect(harness.conversation.takeOutgoing().toString('latin1').slice(5)).toBe(
      'md5facdc455923b0a58efea84a6d9ee0e76\0',
    )
  })

  test.each([
    ['a password that was not given', { ...request, password: null }, message('R', 3), /password/],
    ['Kerberos V5', request, message('R', 2), /Kerberos V5/],
    ['an unknown method', request, message('R', 99), /99/],
    ['an unknown mechanism', request, message('R', 10, 'GS2-KRB5\0\0'), /GS2-KRB5/],
    ['a list of mechanisms without an end', request, message('R', 10, 'X'), /ends before/],
    [
      'SCRAM without a proof',
      request,
      Buffer.concat([message('R', 10, 'SCRAM-SHA-256\0\0'), message('R', 0)]),
      /step 0/,
    ],
    ['an error', request, error('28000', 'no', 'FATAL'), /no/],
    ['an error whose severity is not FATAL', request, error('28000', 'no'), /no/],
  ])('ends at once for %s', (_, asked, bytes, pattern) => {
    const harness = new Harness({ isFresh: true })
    const outcome = harness.ask((link) => startup(link, asked, plainChannel, authServices))
    expect(harness.hear(bytes)).toBeInstanceOf(DbError)
    expect((outcome.error as Error).message).toMatch(pattern)
  })

  test('refuses a NegotiateProtocolVersion message that it did not cause', () => {
    const harness = new Harness({ isFresh: true })
    const outcome = harness.ask((link) => startup(link, request, plainChannel, authServices))
    expect(harness.hear(Buffer.concat([message('v', 0x30000, 0), welcome]))).toBeInstanceOf(ProtocolError)
    expect(outcome.error).toBeInstanceOf(ProtocolError)
  })
})

function portalRequest(rows: RowSink): FetchPortalRequest {
  return { ...plain, portal: 'p', open: null, rowLimit: 2, rows }
}

describe('a portal that is open', () => {
  test('gets its rows in its turn, although no other message comes before them', () => {
    const harness = new Harness()
    const sinks = [new RecordingSink(), new RecordingSink(), new RecordingSink()] as const
    const outcomes = [
      harness.ask((link) => execute(link, executeRequest(sinks[0]))),
      ...sinks.slice(1).map((rows) => {
        const request = portalRequest(rows)
        const exchange = (link: Link): Exchange<unknown> => fetchPortal(link, request)
        return harness.ask(exchange, false, rows)
      }),
    ]
    const answers = [bindComplete, row('a'), complete('SELECT 1'), ready('T')]
    answers.push(row('b'), portalSuspended, ready('T'), row('c'), row('d'), complete('SELECT 2'), ready('T'))
    expect(harness.hear(Buffer.concat(answers))).toBeNull()
    expect(outcomes.map(({ reply }) => reply)).toEqual([{ tag: 'SELECT 1' }, { tag: null }, { tag: 'SELECT 2' }])
    expect(sinks.map((sink) => sink.rows)).toEqual([hexOf(row('a')), hexOf(row('b')), hexOf(row('c'), row('d'))])
  })

  test('may have none left', () => {
    const harness = new Harness()
    const sink = new RecordingSink()
    const outcome = harness.ask((link) => fetchPortal(link, portalRequest(sink)), false, sink)
    expect(harness.sent()).toBe('ES')
    harness.hear(Buffer.concat([complete('SELECT 0'), ready('T')]))
    expect(outcome).toMatchObject({ reply: { tag: 'SELECT 0' } })
  })
})

describe('COPY OUT', () => {
  test('passes its data on and then its end, wherever the answer is cut', () => {
    const formats = message('H', Buffer.from([0]), int16(2), int16(0), int16(1))
    const answer = [
      formats,
      copyData('a'),
      notice('n'),
      copyData(''),
      copyData('bc'),
      copyDone,
      complete('COPY 2'),
      ready(),
    ]
    const bytes = Buffer.concat(answer)
    for (let cut = 0; cut <= bytes.length; cut++) {
      const harness = new Harness()
      const log: unknown[] = []
      const outcome = harness.ask(
        (link) =>
          copyOut(
            link,
            { ...plain, sql: 'copy' },
            {
              started: (columnFormats) => log.push(columnFormats),
              take: (chunk, start, end) => log.push(Buffer.from(chunk.subarray(start, end)).toString()),
              completed: (tag) => log.push(tag),
            },
          ),
        true,
      )
      harness.hear(bytes, cut)
      expect(log).toEqual([[0, 1], 'a', '', 'bc', 'COPY 2'])
      expect(outcome.endings).toBe(1)
    }
  })

  test('data after its end is a ProtocolError', () => {
    const harness = new Harness()
    const outcome = harness.ask((link) => copyOut(link, { ...plain, sql: 'copy' }, silentCopy), true)
    expect(harness.hear(Buffer.concat([copyOutResponse, copyDone, copyData('x')]))).toBeInstanceOf(ProtocolError)
    expect(outcome.error).toBeInstanceOf(ProtocolError)
  })
})

const silentCopy: CopyOutSink = { started() {}, take() {}, completed() {} }

describe('a request that was not sent yet', () => {
  test('can be withdrawn, and later it cannot', () => {
    const harness = new Harness()
    const { conversation } = harness
    const first = harness.ask((link) => execute(link, executeRequest(new RecordingSink())), true)
    const current = conversation.current!
    const failures: unknown[] = []
    const second = conversation.start(
      execute(conversation.link, executeRequest(new RecordingSink())),
      false,
      () => {},
      (failure) => failures.push(failure),
    )
    const reason = new OperationalError('late')
    expect([conversation.withdraw(current, reason), conversation.withdraw(second, reason)]).toEqual([false, true])
    expect(conversation.withdraw(second, reason)).toBe(false)
    harness.sent()
    harness.hear(Buffer.concat([bindComplete, complete('SELECT 0'), ready()]))
    expect([failures, first.endings, harness.sent()]).toEqual([[reason], 1, ''])
  })
})

describe('for any messages of a server', () => {
  const pieces = [
    bindComplete,
    parseComplete,
    closeComplete,
    complete('SELECT 1'),
    row('a'),
    rowDescription('a'),
    ready(),
    ready('T'),
    error('22012', 'x'),
    error('57P01', 'y', 'FATAL'),
    notice('n'),
    notification('c', 'p'),
    emptyQuery,
    portalSuspended,
    copyInResponse,
    copyOutResponse,
    copyDone,
    copyData('d'),
    noData,
    parameterDescription(1),
    message('R', 0),
  ]

  test("every exchange ends once, at the latest with the conversation, and throws only syncpg's errors", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...pieces) }, fc.uint8Array({ maxLength: 12 }))),
        fc.nat(8),
        (messages, first) => {
          const harness = new Harness()
          const { conversation } = harness
          const { link } = conversation
          const results = new RecordingSink()
          const asks = [
            () => harness.ask(() => execute(link, executeRequest(results))),
            () => harness.ask(() => executeMany(link, manyRequest(2))),
            () => harness.ask(() => simpleQuery(link, { ...plain, begin: 'begin', sql: '', results }), true),
            () => harness.ask(() => copyIn(link, { ...plain, sql: '' }, () => {}), true),
            () => harness.ask(() => describeStatement(link, { ...plain, name: '', sql: '', parameterTypes: [] })),
            () => harness.ask(() => fetchPortal(link, portalRequest(results))),
            () => harness.ask(() => closePortal(link, { portal: 'p', timeoutMs: 0 })),
            () => harness.ask(() => closeStatements(link, { names: ['a', 'b'], timeoutMs: 0 })),
            () => harness.ask(() => copyOut(link, { ...plain, sql: '' }, silentCopy), true),
          ]
          // Each exchange in turn is the first one, to which the answers belong.
          const outcomes = [...asks.slice(first), ...asks.slice(0, first)].map((ask) => ask())
          const ends = messages.map((bytes) => harness.hear(bytes))
          conversation.breakOff(new OperationalError('end of test'))
          const errors = [...ends, ...outcomes.map(({ error: failure }) => failure)]
          expect(errors.filter((failure) => (failure ?? null) !== null && !(failure instanceof DbError))).toEqual([])
          expect(outcomes.map(({ endings }) => endings)).toEqual(outcomes.map(() => 1))
        },
      ),
      { numRuns: 2000 },
    )
  })
})
