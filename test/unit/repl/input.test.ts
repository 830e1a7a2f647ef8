/** Which reader gets which bytes of a source: the script, the data of a COPY, and the script after a failure. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'

import { targetOf } from '../../../src-sync/repl/connection-target.ts'
import { DataBlock, LineSource } from '../../../src-sync/repl/io/input.ts'
import { Variables } from '../../../src-sync/repl/variables.ts'

function sourceOf(content: string | Uint8Array): LineSource {
  const folder = mkdtempSync(join(tmpdir(), 'syncpg-input-'))
  const path = join(folder, 'source')
  writeFileSync(path, content)
  const source = LineSource.open(path)
  onTestFinished(() => {
    source.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return source
}

const dataOf = (source: LineSource): string => Buffer.concat([...new DataBlock(source)]).toString()

function restOf(source: LineSource): string {
  let rest = ''
  for (let text = source.read(); text !== null; text = source.read()) rest += text
  return rest
}

describe('data', () => {
  test.each([
    ['ends at its line', '1\n2\n\\.\nselect 1;\n', '1\n2\n', 'select 1;\n'],
    ['ends at a line of Windows', '1\r\n\\.\r\nselect 1;\n', '1\r\n', 'select 1;\n'],
    ['may be nothing', '\\.\nrest', '', 'rest'],
    ['may end without a line’s end', '1\n\\.', '1\n', ''],
    ['extends to the end of the source if no line ends it', '1\n2', '1\n2', ''],
    [
      'may have lines that only begin like its end',
      'a\\.\n\\.b\n\\\n\\..\n\\.\nrest',
      'a\\.\n\\.b\n\\\n\\..\n',
      'rest',
    ],
  ])('%s', (_claim, text, data, rest) => {
    const source = sourceOf(text)
    expect([dataOf(source), restOf(source)]).toEqual([data, rest])
  })

  test('is passed on byte by byte, text or not', () => {
    const bytes = Buffer.from([0xff, 0x00, 0x0a, 0x5c, 0x2e, 0x58, 0x0a, 0xfe])
    expect(Buffer.concat([...new DataBlock(sourceOf(bytes))])).toEqual(bytes)
  })

  test('of another encoding is decoded, and so is what follows it', () => {
    const source = sourceOf(Buffer.from('caf\u00e9\n\\.\n\u00e0\n', 'latin1'))
    source.setEncoding('LATIN1')
    expect([dataOf(source), restOf(source)]).toEqual(['caf\u00e9\n', '\u00e0\n'])
  })

  test('is skipped to its end if its reader stops', () => {
    const source = sourceOf('1\n2\n\\.\nrest')
    const block = new DataBlock(source)
    for (const _piece of block) break
    block.skip()
    expect(restOf(source)).toBe('rest')
  })

  test('counts its lines with the one that ends it', () => {
    let lines = 0
    const block = new DataBlock(sourceOf('1\n2\n\\.\nrest'), (count) => (lines += count))
    block.skip()
    expect(lines).toBe(3)
  })

  test('ends at the same place, however the input is cut into pieces', () => {
    fc.assert(
      fc.property(fc.nat(40), fc.integer({ min: 64 * 1024 - 20, max: 64 * 1024 + 5 }), (more, length) => {
        const data = `${'x'.repeat(length - 1)}\n`
        const source = sourceOf(`${data}\\.\n${'y'.repeat(more)}`)
        expect([dataOf(source).length, restOf(source).length]).toEqual([length, more])
      }),
      { numRuns: 30 },
    )
  })
})

test('the next read skips the data of a refused COPY', () => {
  const source = sourceOf('1\n\\.\n2\n\\.\nrest')
  source.skipData()
  expect([dataOf(source), restOf(source)]).toEqual(['2\n', 'rest'])
})

describe('\\connect', () => {
  const previous = { user: 'me', host: 'here', port: 5432 }
  test.each([
    [
      'a name of a database keeps the other settings',
      ['db'],
      'host=here password=x',
      {},
      'host=here password=x',
      { database: 'db' },
    ],
    ['a dash keeps the setting', ['-', 'me'], 'postgres://me:x@here/db', {}, 'postgres://me:x@here/db', { user: 'me' }],
    [
      'another server gets no password',
      ['-', '-', 'there'],
      'postgres://me:x@here/db?hostaddr=1.1.1.1&sslmode=require',
      { password: 'y' },
      'postgres://me@here/db?sslmode=require',
      { host: 'there' },
    ],
    [
      'another user gets no password',
      ['-', 'you'],
      "host=here hostaddr=1.1.1.1 password='x'",
      {},
      "host='here' hostaddr='1.1.1.1'",
      { user: 'you' },
    ],
    ['a connection string replaces all settings', ['host=there'], 'host=here', { user: 'me' }, 'host=there', {}],
    [
      'a connection string overrides settings with -reuse-previous=on',
      ['-reuse-previous=on', "dbname='my-app' sslmode=require"],
      'postgres://me@here/db',
      { user: 'me' },
      'postgres://me@here/db?sslmode=require',
      { user: 'me', database: 'my-app' },
    ],
    [
      'names replace all settings with -reuse-previous=off',
      ['-reuse-previous=off', 'db', 'you'],
      'host=here',
      { password: 'y' },
      undefined,
      { database: 'db', user: 'you' },
    ],
  ] as const)('%s', (_claim, words, dsn, options, newDsn, newOptions) => {
    expect(targetOf(words, { ...previous, dsn, options })).toEqual({ dsn: newDsn, options: newOptions })
  })

  test.each([
    [['a=b', 'c'], 'Do not give user'],
    [['-reuse-previous=on', 'dbname= x y'], 'missing "=" after "y"'],
    [['-reuse-previous=on', "dbname='x"], 'unterminated quoted string'],
    [['-reuse-previous=maybe', 'x'], 'Boolean expected'],
  ])('refuses %s', (words, message) => {
    expect(() => targetOf(words, { ...previous, dsn: undefined, options: {} })).toThrow(message)
  })
})

test('a variable keeps its text, and the setting gets the normalized value', () => {
  const variables = new Variables()
  variables.set('ON_ERROR_ROLLBACK', 'INTERACTIVE')
  variables.set('VERBOSITY', 'Terse')
  variables.set('ON_ERROR_STOP', '')
  expect(
    ['ON_ERROR_ROLLBACK', 'VERBOSITY', 'ON_ERROR_STOP'].map((name) => [variables.get(name), variables.choice(name)]),
  ).toEqual([
    ['INTERACTIVE', 'interactive'],
    ['Terse', 'terse'],
    ['on', 'on'],
  ])
})
