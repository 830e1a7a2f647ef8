/**
 * Generated code writes lists of values once there are many of them. It must write the same bytes as the plain code,
 * refuse the same values with the same messages, and leave the writer unchanged when it refuses.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteWriter } from '../../../src-async/bytes/byte-writer.ts'
import { ElementEncoder, encodeArguments } from '../../../src-async/values/encode-arguments.ts'
import { listCode } from '../../../src-async/values/list-code.ts'
import { PgTimestamp } from '../../../src-async/values/pg-timestamp.ts'
import { CodecRegistry } from '../../../src-async/values/registry.ts'
import { Statement } from '../../../src-async/values/statement.ts'

/** Enough elements that code is generated. */
const MANY = 40

const OIDS = {
  bool: 16,
  int8: 20,
  int2: 21,
  int4: 23,
  text: 25,
  oid: 26,
  float4: 700,
  float8: 701,
  bpchar: 1042,
  varchar: 1043,
  name: 19,
  timestamptz: 1184,
  bytea: 17,
  int4Array: 1007,
  money: 790,
} as const
type Type = keyof typeof OIDS

function statementOf(types: readonly Type[]): Statement {
  const parameterTypes = types.map((type) => OIDS[type])
  const columns = [{ name: 'a', tableOid: 0, tableColumn: 0, typeOid: 23, typeSize: 4, typeModifier: -1 }]
  return new Statement({ name: 's1', sql: '', parameterTypes, columns, registry: new CodecRegistry() })
}

/** The outcome for an element: its bytes, or the message with which it is refused. */
function plainly(statement: Statement, values: readonly unknown[], element: number): string {
  const out = new ByteWriter(8)
  try {
    encodeArguments(out, statement, values, { element, method: 'executemany' })
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message} ${out.length}`
  }
  return out.take().toString('hex')
}

function byCode(statement: Statement, list: readonly (readonly unknown[])[]): string[] {
  const out = new ByteWriter(8)
  const encoder = new ElementEncoder(out, statement, 'executemany')
  const ready = statement.parameterTypes.map(() => null)
  for (let i = 0; i < MANY; i += 1) encoder.encode(ready)
  return list.map((values) => {
    out.clear()
    try {
      encoder.encode(values)
    } catch (error) {
      return `${(error as Error).name}: ${(error as Error).message} ${out.length}`
    }
    return out.take().toString('hex')
  })
}

const numbers = [0, -0, 1, -1, 127, 32767, 32768, -32768, -32769, 2147483647, 2147483648, -2147483648, -2147483649]
const wide = [4294967295, 4294967296, 2 ** 53 - 1, -(2 ** 53 - 1), 2 ** 53, 2 ** 63, 1.5, 0.1, NaN, Infinity, -Infinity]
const bigints = [0n, 5n, -5n, 2n ** 31n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 63n]
const texts = [
  '',
  'a',
  'x'.repeat(63),
  'x'.repeat(64),
  'x'.repeat(65),
  'x'.repeat(5000),
  'ä',
  'ä'.repeat(15),
  'ä'.repeat(32),
  '\0',
  'a\0',
  '\ud83d',
  '😀',
  '\x7f',
  '\x80',
]
const others = [null, undefined, true, false, {}, [], [1, null], Symbol('s'), new Date(5), new PgTimestamp(5, 6)]
const objects = [
  Buffer.from('x'),
  new Date(NaN),
  () => 1,
  new String('x'),
  { [Symbol.for('syncpg.toPostgres')]: () => 7 },
]
const EVERYTHING: readonly unknown[] = [...numbers, ...wide, ...bigints, ...texts, ...others, ...objects]

describe('generated code for a list of values', () => {
  test.each(Object.keys(OIDS) as Type[])(
    'writes and refuses every value for %s as the code that is not generated',
    (type) => {
      const statement = statementOf(['int4', type, 'text'])
      const elements = EVERYTHING.map((value) => [1, value, 'end'])
      let element = MANY
      const expected = elements.map((values) => {
        const result = plainly(statement, values, element)
        // A refused element is not counted, because no element comes after it.
        if (/^[0-9a-f]+$/.test(result)) element += 1
        return result
      })
      expect(byCode(statement, elements)).toEqual(expected)
      expect(expected.some((result) => result.includes('Error'))).toBe(true)
      expect(expected.some((result) => /^[0-9a-f]+$/.test(result))).toBe(true)
    },
  )

  test('exists for lists of up to 128 values of any type, and not for longer ones', () => {
    const frame = { head: new Uint8Array(2), tail: new Uint8Array(0) }
    const { parameterCodecs } = statementOf(['money'])
    expect(listCode(new Array(128).fill(parameterCodecs[0]), frame)).toBeTypeOf('function')
    expect(listCode(new Array(129).fill(parameterCodecs[0]), frame)).toBe(null)
  })

  test('is shared by lists of equal types, and by no others', () => {
    const code = (types: readonly Type[], head = 0) =>
      listCode(statementOf(types).parameterCodecs, { head: Uint8Array.of(head), tail: new Uint8Array(0) })
    expect(code(['int4', 'text'])).toBe(code(['int4', 'varchar']))
    expect(code(['bytea', 'text'])).toBe(code(['money', 'text']))
    expect(code(['int4', 'text'])).not.toBe(code(['text', 'int4']))
    expect(code(['int4', 'text'])).not.toBe(code(['int4', 'text'], 1))
    expect(code(['int4'])).not.toBe(code(['int4', 'bytea']))
  })

  test('writes rows of mixed types as the code that is not generated', () => {
    const types: readonly Type[] = ['text', 'int8', 'float8', 'bytea', 'bool', 'int2', 'oid', 'int4Array', 'varchar']
    const statement = statementOf(types)
    const orNull = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null })
    const row = fc.tuple(
      orNull(fc.string({ maxLength: 100, unit: fc.constantFrom('a', '~', 'ä', '😀') })),
      orNull(fc.oneof(fc.maxSafeInteger(), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }))),
      orNull(fc.double()),
      orNull(fc.uint8Array({ maxLength: 300 })),
      orNull(fc.boolean()),
      orNull(fc.integer({ min: -32768, max: 32767 })),
      orNull(fc.nat({ max: 4294967295 })),
      orNull(fc.array(orNull(fc.integer()))),
      orNull(fc.string({ maxLength: 10 })),
    )
    const check = (rows: readonly (readonly unknown[])[]): void => {
      const expected = rows.map((values, i) => plainly(statement, values, MANY + i))
      expect(byCode(statement, rows)).toEqual(expected)
    }
    fc.assert(fc.property(fc.array(row, { maxLength: 10 }), check), { numRuns: 20 })
  })

  test('reads all values before it writes the first, so that a getter may use the writer', () => {
    const statement = statementOf(['int4', 'int4'])
    const out = new ByteWriter(8)
    const encoder = new ElementEncoder(out, statement, 'executemany')
    for (let i = 0; i < MANY; i += 1) encoder.encode([1, 2])
    const expected = plainly(statement, [3, 4], 0)
    out.clear()
    const values = Object.defineProperty([3, 0], 1, {
      get() {
        out.utf8('x'.repeat(100_000)).clear()
        return 4
      },
    })
    encoder.encode(values)
    expect(out.take().toString('hex')).toBe(expected)
  })
})
