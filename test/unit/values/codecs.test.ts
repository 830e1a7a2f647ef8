/** Tests every built-in codec with values from a real server (samples.json, recorded by tools/record-values.mjs). */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { ByteReader } from '../../../src-async/bytes/byte-reader.ts'
import { ByteWriter } from '../../../src-async/bytes/byte-writer.ts'
import { CodecRegistry } from '../../../src-async/values/registry.ts'

interface Sample {
  readonly type: string
  readonly oid: number
  readonly source: string
  readonly text: string
  readonly binary: string
}

const samples = JSON.parse(readFileSync(new URL('samples.json', import.meta.url), 'utf8')) as Sample[]
const registry = new CodecRegistry()

function decodeAll(oid: number, bytes: Uint8Array): unknown {
  const reader = new ByteReader(bytes)
  const value = registry.codecFor(oid).decode(reader, bytes.length)
  expect(reader.remaining).toBe(0)
  return value
}

/** The server's value, in the format that the codec asks for. */
function sentBytes(sample: Sample): Buffer {
  return registry.codecFor(sample.oid).format === 1 ? Buffer.from(sample.binary, 'hex') : Buffer.from(sample.text)
}

const table = samples.map((sample) => [sample.type, sample.source, sample] as const)

/**
 * Values that are encoded in another form than the server's: JSON without its blanks, numeric infinities without their
 * meaningless scale, arrays without lower bounds, text elements with more quotes than they need.
 */
function isSameBytes(sample: Sample): boolean {
  if (sample.type.startsWith('json') || (sample.type.startsWith('num') && sample.text.includes('Infinity')))
    return false
  return registry.codecFor(sample.oid).format === 1 && !sample.text.startsWith('[')
}

describe('values that a server sends', () => {
  test.each(table)('%s %s is the same value in binary and in text', (_type, _source, sample) => {
    const value = decodeAll(sample.oid, sentBytes(sample))
    expect(registry.codecFor(sample.oid).decodeText(sample.text)).toStrictEqual(value)
  })

  test.each(table)('%s %s is written with the same bytes as it was read', (_type, _source, sample) => {
    const codec = registry.codecFor(sample.oid)
    const out = new ByteWriter()
    const value = decodeAll(sample.oid, sentBytes(sample))
    codec.encode(out, value)
    if (isSameBytes(sample)) expect(out.take().toString('hex')).toBe(sample.binary)
    else expect(decodeAll(sample.oid, out.take())).toStrictEqual(value)
  })

  test('every built-in type has a codec, which is binary for all but the textual types', () => {
    const textual = samples.filter(
      (sample) => registry.codecFor(sample.oid).format === 0 && !sample.type.endsWith('[]'),
    )
    expect([...new Set(textual.map((sample) => sample.type))]).toEqual([
      'money',
      'pg_snapshot',
      'txid_snapshot',
      'tsvector',
      'tsquery',
      'regtype',
      'regclass',
      'regproc',
      'int2vector',
      'oidvector',
    ])
  })
})
