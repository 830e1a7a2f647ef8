import { expect, test } from 'vitest'

import { Session } from '../../../src-async/wire/session.ts'
import type { Transport, TransportEvents } from '../../../src-async/wire/transport/transport.ts'
import {
  bindComplete,
  complete,
  error,
  noData,
  parameterDescription,
  parseComplete,
  ready,
  welcome,
} from './messages.ts'

/** A server whose answers the test writes. */
class ScriptedTransport implements Transport {
  readonly sendsWholeFlights = false
  events: TransportEvents | null = null
  listen(events: TransportEvents): void {
    this.events = events
  }
  write(): boolean {
    return true
  }
  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {}
  answer(...parts: readonly Buffer[]): void {
    const bytes = Buffer.concat(parts)
    this.events?.data(bytes, 0, bytes.length)
  }
}

const command = (tag: string): Buffer => Buffer.concat([parseComplete, bindComplete, complete(tag)])
const aborted = error('25P02', 'current transaction is aborted')

async function open(): Promise<{ session: Session; transport: ScriptedTransport }> {
  const transport = new ScriptedTransport()
  const ignore = (): void => {}
  const session = new Session(transport, null, { notice: ignore, notification: ignore, parameter: ignore })
  const started = session.startUp({ user: 'u', database: 'd', parameters: {}, password: null } as never, {
    host: 'h',
    serverCertificate: null,
    isPrivate: false,
  })
  transport.answer(welcome)
  await started
  const begun = session.execute({
    ...request,
    name: 'begin',
    parse: null,
    bind: new Uint8Array(6),
    rowLimit: 0,
    rows: { take: ignore },
  })
  transport.answer(bindComplete, complete('BEGIN'), ready('T'))
  await begun
  return { session, transport }
}

const request = { begin: null, closing: [], timeoutMs: 0 }
const text = { ...request, name: 's', sql: 'select', parameterTypes: [], isApart: true }

test('the status does not show that a description was refused, until the savepoints have ended', async () => {
  const { session, transport } = await open()
  const described = session.describe(text)
  transport.answer(command('SAVEPOINT'), command('SAVEPOINT'), ready('T'))
  transport.answer(error('42703', 'no such column'), ready('E'))
  expect(session.transactionStatus).toBe('T')
  transport.answer(aborted, ready('E'))
  expect(session.transactionStatus).toBe('T')
  transport.answer(command('ROLLBACK'), command('RELEASE'), ready('T'))
  expect(session.transactionStatus).toBe('T')
  await expect(described).rejects.toMatchObject({ sqlstate: '42703' })
})

test('a description in a transaction that has failed shows the failure', async () => {
  const { session, transport } = await open()
  const described = session.describe(text)
  transport.answer(aborted, ready('E'))
  expect(session.transactionStatus).toBe('E')
  for (let i = 0; i < 3; i += 1) transport.answer(aborted, ready('E'))
  expect(session.transactionStatus).toBe('E')
  await expect(described).rejects.toMatchObject({ sqlstate: '25P02' })
})

test('an error that the savepoints did not undo is the one that counts', async () => {
  const { session, transport } = await open()
  const described = session.describe(text)
  transport.answer(command('SAVEPOINT'), command('SAVEPOINT'), ready('T'))
  transport.answer(parseComplete, parameterDescription(), noData, ready('T'))
  transport.answer(command('SAVEPOINT'), ready('T'))
  transport.answer(error('57014', 'canceled'), ready('E'))
  await expect(described).rejects.toMatchObject({ sqlstate: '57014' })
  expect(session.transactionStatus).toBe('E')
})
