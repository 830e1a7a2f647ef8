/** COPY of bytes in the async API: sources and sinks of every kind, also those that fail. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable, Writable } from 'node:stream'
import { pathToFileURL } from 'node:url'

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'

import { type Connection, type CopySource, NumericValueOutOfRangeError, ProgrammingError, connect } from 'syncpg/async'

import { sharedServer } from '../../support/shared-server.ts'

let con: Connection
let folder: string
beforeAll(async () => {
  con = await connect(sharedServer().dsn())
  folder = mkdtempSync(join(tmpdir(), 'syncpg-copy-'))
})
afterAll(async () => {
  await con.close()
  rmSync(folder, { recursive: true })
})
beforeEach(() => con.execute('create temp table loaded (a int, b text)'))
afterEach(() => con.execute('drop table loaded'))

const CSV = '1,one\n2,"t,wo"\n'

async function loaded(): Promise<unknown[][]> {
  return (await con.fetch('select * from loaded order by a')).map((row) => row.toArray())
}

describe('copyToTable', () => {
  const sources: [string, () => CopySource][] = [
    ['bytes', () => Buffer.from(CSV)],
    ['an iterable of text and bytes', () => [CSV.slice(0, 3), Buffer.from(CSV.slice(3))]],
    ['an async iterable', () => Readable.from([Buffer.from(CSV)])],
    ['a web stream', () => new Blob([CSV]).stream() as unknown as AsyncIterable<Uint8Array>],
    [
      'a path',
      () => {
        writeFileSync(join(folder, 'in.csv'), CSV)
        return join(folder, 'in.csv')
      },
    ],
    ['a file URL', () => pathToFileURL(join(folder, 'in.csv'))],
  ]
  test.each(sources)('reads %s', async (_what, source) => {
    expect(await con.copyToTable('loaded', { source: source(), format: 'csv' })).toBe('COPY 2')
    expect(await loaded()).toEqual([
      [1, 'one'],
      [2, 't,wo'],
    ])
  })

  test('takes the options of COPY and quotes them', async () => {
    const source = Buffer.from("a|b\n'x'|1\nN|2\n")
    const options = { columns: ['b', 'a'], format: 'csv', delimiter: '|', quote: "'", null: 'N', header: true } as const
    expect(await con.copyToTable('loaded', { source, ...options })).toBe('COPY 2')
    expect(await loaded()).toEqual([
      [1, 'x'],
      [2, null],
    ])
  })

  test('whose source fails loads nothing, throws that error and leaves the connection usable', async () => {
    const failure = new Error('the source broke')
    function* broken(): Generator<string> {
      yield '1\tone\n'
      throw failure
    }
    await expect(con.copyToTable('loaded', { source: Readable.from(broken()) })).rejects.toBe(failure)
    expect(await loaded()).toEqual([])
  })

  test('whose data are wrong throws the server’s error with its place', async () => {
    const error = await con.copyToTable('loaded', { source: Buffer.from('99999999999\tx\n') }).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(NumericValueOutOfRangeError)
    expect(error).toMatchObject({ context: expect.stringContaining('line 1, column a') })
    expect(await loaded()).toEqual([])
  })

  test('of a file that does not exist begins nothing', async () => {
    await expect(con.copyToTable('loaded', { source: join(folder, 'missing') })).rejects.toMatchObject({
      name: 'OperationalError',
      message: expect.stringContaining('copyToTable: source: the file'),
      code: 'ENOENT',
    })
    const output = join(folder, 'missing', 'file')
    await expect(con.copyFromTable('loaded', { output })).rejects.toMatchObject({
      name: 'OperationalError',
      message: expect.stringContaining('copyFromTable: output: the file'),
      code: 'ENOENT',
    })
    await expect(con.copyFromTable('loaded', { output: new URL('http://x/') })).rejects.toThrow(ProgrammingError)
    expect(con.isInTransaction).toBe(false)
    expect(await loaded()).toEqual([])
  })

  test.each([[5], [{}], [null]])('refuses %j as a source', async (source) => {
    await expect(con.copyToTable('loaded', { source: source as never })).rejects.toThrow(ProgrammingError)
    expect(await loaded()).toEqual([])
  })

  test('takes a hundred megabytes in pieces, with back-pressure', async () => {
    const line = `1\t${'x'.repeat(1022 - 3)}\n`
    const megabyte = Buffer.from(line.repeat(1024))
    let given = 0
    function* source(): Generator<Buffer> {
      for (; given < 100; given++) yield megabyte
    }
    const before = process.memoryUsage.rss()
    expect(await con.copyToTable('loaded', { source: source() })).toBe('COPY 102400')
    expect(process.memoryUsage.rss() - before).toBeLessThan(80e6)
  })
})

describe('copyFromTable and copyFromQuery', () => {
  beforeEach(() => con.execute(`insert into loaded values (1, 'one'), (2, 't,wo')`))

  test('write to a function, a path, a stream and a web stream', async () => {
    let text = ''
    const append = (chunk: Buffer): void => {
      text += chunk.toString()
    }
    expect(await con.copyFromTable('loaded', { output: append, format: 'csv' })).toBe('COPY 2')
    expect(text).toBe(CSV)
    const path = join(folder, 'out.csv')
    await con.copyFromTable('loaded', { output: path, format: 'csv' })
    expect(readFileSync(path, 'utf8')).toBe(CSV)
    const stream = new PassThrough()
    await con.copyFromTable('loaded', { output: stream, format: 'csv' })
    expect(stream.read().toString()).toBe(CSV)
    const chunks: Uint8Array[] = []
    await con.copyFromTable('loaded', {
      output: new WritableStream({ write: (chunk) => void chunks.push(chunk) }),
      format: 'csv',
    })
    expect(Buffer.concat(chunks).toString()).toBe(CSV)
  })

  test('put arguments only in place of parameters', async () => {
    let text = ''
    const query = `select a, '$1' as "$1", $1::text /* $1 */, $2::int from loaded where b = $1 -- $1`
    await con.copyFromQuery(query, [`t,wo`, null], { output: (chunk) => void (text += chunk.toString()) })
    expect(text).toBe('2\t$1\tt,wo\t\\N\n')
  })

  test('quote arguments that look like SQL', async () => {
    const nasty = `'; drop table loaded; -- \\ "`
    let text = ''
    await con.copyFromQuery('select $1::text', [nasty], {
      format: 'csv',
      output: (chunk) => void (text += chunk.toString()),
    })
    expect(text).toBe(`"'; drop table loaded; -- \\ """\n`)
    expect(await loaded()).toHaveLength(2)
  })

  test('throw the error of their output and leave the connection usable, whether the result is small or large', async () => {
    const failure = new Error('the sink broke')
    const output = (): never => {
      throw failure
    }
    await expect(con.copyFromTable('loaded', { output })).rejects.toBe(failure)
    expect(await con.fetchval('select 1')).toBe(1)
    await expect(con.copyFromQuery('select generate_series(1, 5000000)', [], { output })).rejects.toBe(failure)
    expect(await con.fetchval('select 2')).toBe(2)
  })

  test('wait for a slow output instead of filling memory', async () => {
    let bytes = 0
    const slow = new Writable({
      highWaterMark: 1024,
      write(chunk: Buffer, _encoding, done) {
        bytes += chunk.length
        setImmediate(done)
      },
    })
    const before = process.memoryUsage.rss()
    await con.copyFromQuery(`select repeat('x', 1023) from generate_series(1, 100000)`, [], { output: slow })
    expect(bytes).toBe(100000 * 1024)
    expect(process.memoryUsage.rss() - before).toBeLessThan(80e6)
  })

  test("of a table that does not exist throw the server's error", async () => {
    await expect(con.copyFromTable('missing', { output: () => {} })).rejects.toMatchObject({ sqlstate: '42P01' })
    expect(await con.fetchval('select 1')).toBe(1)
  })
})
