/**
 * The table of values: for each type some SQL literals, each with its JavaScript value. `TYPES_SQL` creates the types
 * that are not built in. The table has no text that the server prints, because the tests ask the server.
 */
import {
  BitString,
  Box,
  Circle,
  Line,
  LineSegment,
  Path,
  PgDate,
  PgInterval,
  PgTime,
  PgTimeTz,
  PgTimestamp,
  Point,
  Polygon,
  Range,
} from 'syncpg/async'

/** A text that the server reads, and its JavaScript value. */
export type Sample = readonly [text: string, value: unknown]

export interface TypeRow {
  readonly type: string
  readonly samples: readonly Sample[]
  /** The first major version that has them. */
  readonly since?: number
  /** Types whose values cannot be written as parameters, or not be elements of an array. */
  readonly isReadOnly?: boolean
}

/** Creates the types that the table uses and that are not built in. */
export const TYPES_SQL = `
create extension if not exists citext;
create extension if not exists ltree;
create extension if not exists hstore;
create type mood as enum ('ok', 'so so', 'it''s "{bad}", \\ NULL');
create domain positive as int4 check (value > 0);
create domain tags as text[];
create type pair as (a int4, "B b" text);
create type nested as (p pair, ps pair[], m mood, at timestamptz);
create type texty as (c citext, path ltree, m mood, list int4[], data jsonb, inner_v pair, r int4range, b bytea);
create type empty_t as ();
create type floatrange as range (subtype = float8);
create type citextrange as range (subtype = citext);
create type ltreerange as range (subtype = ltree);
create domain pair_domain as pair;
`

const at = (iso: string, microseconds: number): PgTimestamp => new PgTimestamp(Date.parse(iso), microseconds)
const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex')
const year = (y: number, m: number, d: number, time = 0): Date =>
  new Date(new Date(Date.UTC(2000, m - 1, d, 0, 0, 0, time)).setUTCFullYear(y))

export const VALUE_TABLE: readonly TypeRow[] = [
  {
    type: 'bool',
    samples: [
      ['t', true],
      ['f', false],
    ],
  },
  {
    type: 'int2',
    samples: [
      ['0', 0],
      ['-32768', -32768],
      ['32767', 32767],
    ],
  },
  {
    type: 'int4',
    samples: [
      ['0', 0],
      ['-2147483648', -2147483648],
      ['2147483647', 2147483647],
    ],
  },
  {
    type: 'int8',
    samples: [
      ['0', 0n],
      ['9007199254740993', 9007199254740993n],
      ['-9223372036854775808', -9223372036854775808n],
      ['9223372036854775807', 9223372036854775807n],
    ],
  },
  {
    type: 'oid',
    samples: [
      ['0', 0],
      ['4294967295', 4294967295],
    ],
  },
  {
    type: 'xid',
    samples: [
      ['0', 0],
      ['4294967295', 4294967295],
    ],
  },
  { type: 'cid', samples: [['7', 7]] },
  { type: 'xid8', samples: [['18446744073709551615', '18446744073709551615']] },
  {
    type: 'float4',
    samples: [
      ['0', 0],
      ['-0', -0],
      ['1.1', 1.1],
      ['1e-45', 1e-45],
      ['3.4028235e38', 3.4028235e38],
      ['16777216', 16777216],
      ['NaN', NaN],
      ['Infinity', Infinity],
      ['-Infinity', -Infinity],
    ],
  },
  {
    type: 'float8',
    samples: [
      ['0', 0],
      ['-0', -0],
      ['0.1', 0.1],
      ['5e-324', 5e-324],
      ['1e-320', 1e-320],
      ['1.7976931348623157e308', 1.7976931348623157e308],
      ['NaN', NaN],
      ['Infinity', Infinity],
      ['-Infinity', -Infinity],
    ],
  },
  {
    type: 'numeric',
    samples: [
      ['0', '0'],
      ['0.00', '0.00'],
      ['1.50', '1.50'],
      ['-1.50', '-1.50'],
      ['100000', '100000'],
      ['0.00010000', '0.00010000'],
      ['12345678901234567890.1234567890123456789', '12345678901234567890.1234567890123456789'],
      [`${'9'.repeat(1000)}.${'1'.repeat(1000)}`, `${'9'.repeat(1000)}.${'1'.repeat(1000)}`],
      ['NaN', 'NaN'],
    ],
  },
  {
    type: 'numeric',
    since: 14,
    samples: [
      ['Infinity', 'Infinity'],
      ['-Infinity', '-Infinity'],
    ],
  },
  {
    type: 'money',
    samples: [
      ['1.50', '$1.50'],
      ['-1234.56', '-$1,234.56'],
    ],
  },
  {
    type: 'text',
    samples: [
      ['', ''],
      ['żółć 😀', 'żółć 😀'],
      [' a b ', ' a b '],
      ['\\', '\\'],
      ['"', '"'],
      ['{}', '{}'],
      ['NULL', 'NULL'],
      ['(,)', '(,)'],
      ['line\nbreak\ttab', 'line\nbreak\ttab'],
      ['x'.repeat(70_000), 'x'.repeat(70_000)],
    ],
  },
  {
    type: 'varchar',
    samples: [
      ['', ''],
      ['wörd', 'wörd'],
    ],
  },
  {
    type: 'bpchar',
    samples: [
      ['a', 'a'],
      ['', ''],
    ],
  },
  { type: 'char(3)', samples: [['a', 'a  ']] },
  { type: 'name', samples: [['pg_class', 'pg_class']] },
  {
    type: '"char"',
    samples: [
      ['a', 'a'],
      ['', ''],
    ],
  },
  { type: 'xml', samples: [['<a b="c">d</a>', '<a b="c">d</a>']] },
  {
    type: 'bytea',
    samples: [
      ['', bytes('')],
      ['\\x00ff5c2227', bytes('00ff5c2227')],
    ],
  },
  {
    type: 'uuid',
    samples: [['A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11']],
  },
  {
    type: 'json',
    samples: [
      ['1', 1],
      ['"x"', 'x'],
      ['[1,[2,{"a":null}]]', [1, [2, { a: null }]]],
      ['{"a":"é"}', { a: 'é' }],
      ['true', true],
    ],
  },
  {
    type: 'jsonb',
    samples: [
      ['1', 1],
      ['"x"', 'x'],
      ['[1, [2, {"a": null}]]', [1, [2, { a: null }]]],
      ['{"a":  "é"}', { a: 'é' }],
    ],
  },
  { type: 'jsonpath', samples: [['$."a"[*]?(@ > 2)', '$."a"[*]?(@ > 2)']] },
  {
    type: 'date',
    samples: [
      ['2000-01-01', new PgDate(2000, 1, 1)],
      ['2024-02-29', new PgDate(2024, 2, 29)],
      ['0001-12-31 BC', new PgDate(0, 12, 31)],
      ['4713-11-24 BC', new PgDate(-4712, 11, 24)],
      ['10000-01-01', new PgDate(10000, 1, 1)],
      ['5874897-12-31', new PgDate(5874897, 12, 31)],
      ['infinity', Infinity],
      ['-infinity', -Infinity],
    ],
  },
  {
    type: 'time',
    samples: [
      ['00:00', new PgTime(0, 0)],
      ['24:00:00', new PgTime(24, 0)],
      ['23:59:59.999999', new PgTime(23, 59, 59, 999999)],
      ['00:00:00.000001', new PgTime(0, 0, 0, 1)],
    ],
  },
  {
    type: 'timetz',
    samples: [
      ['24:00:00-15:59:59', new PgTimeTz(24, 0, 0, 0, -57599)],
      ['04:05:06.789+05:30', new PgTimeTz(4, 5, 6, 789000, 19800)],
      ['01:02:03+00:44:30', new PgTimeTz(1, 2, 3, 0, 2670)],
    ],
  },
  {
    type: 'timestamp',
    samples: [
      ['2000-01-01', new Date('2000-01-01T00:00:00Z')],
      ['1999-12-31 23:59:59.999999', at('1999-12-31T23:59:59.999Z', 999)],
      ['2024-03-31 02:30:00', new Date('2024-03-31T02:30:00Z')],
      ['0044-03-15 01:02:03 BC', year(-43, 3, 15, 3_723_000)],
      ['9999-12-31 23:59:59.999999', at('9999-12-31T23:59:59.999Z', 999)],
      ['275760-09-13', new Date(8.64e15)],
      ['4713-11-24 00:00:00 BC', year(-4712, 11, 24)],
      ['infinity', Infinity],
      ['-infinity', -Infinity],
    ],
  },
  {
    type: 'timestamptz',
    samples: [
      ['2024-02-29 12:34:56.789012-08', at('2024-02-29T20:34:56.789Z', 12)],
      ['2024-03-10 02:30:00-05', new Date('2024-03-10T07:30:00Z')],
      ['1883-01-01 00:00:00+00', new Date('1883-01-01T00:00:00Z')],
      ['0044-03-15 01:02:03+00 BC', year(-43, 3, 15, 3_723_000)],
      ['infinity', Infinity],
      ['-infinity', -Infinity],
    ],
  },
  {
    type: 'interval',
    samples: [
      ['0', new PgInterval(0, 0, 0n)],
      ['1 year 2 mons 3 days 04:05:06.789', new PgInterval(14, 3, 14_706_789_000n)],
      ['-1 mon +1 day -00:00:00.000001', new PgInterval(-1, 1, -1n)],
      ['36:00:00', new PgInterval(0, 0, 129_600_000_000n)],
      ['596523:14:07.999999', new PgInterval(0, 0, 2_147_483_647_999_999n)],
    ],
  },
  { type: 'interval', since: 15, samples: [['2562047788:00:54.775807', new PgInterval(0, 0, 9223372036854775807n)]] },
  {
    type: 'interval',
    since: 17,
    samples: [
      ['infinity', Infinity],
      ['-infinity', -Infinity],
    ],
  },
  {
    type: 'bit',
    samples: [
      ['1', BitString.parse('1')],
      ['0', BitString.parse('0')],
    ],
  },
  {
    type: 'varbit',
    samples: [
      ['', BitString.parse('')],
      ['101010101', BitString.parse('101010101')],
    ],
  },
  {
    type: 'inet',
    samples: [
      ['1.2.3.4', '1.2.3.4'],
      ['1.2.3.4/24', '1.2.3.4/24'],
      ['::ffff:1.2.3.4', '::ffff:1.2.3.4'],
      ['2001:db8::1:0:0:1', '2001:db8::1:0:0:1'],
    ],
  },
  {
    type: 'cidr',
    samples: [
      ['10.0.0.0/8', '10.0.0.0/8'],
      ['::/0', '::/0'],
    ],
  },
  { type: 'macaddr', samples: [['08:00:2b:01:02:03', '08:00:2b:01:02:03']] },
  { type: 'macaddr8', samples: [['08:00:2b:01:02:03:04:05', '08:00:2b:01:02:03:04:05']] },
  {
    type: 'point',
    samples: [
      ['(1,2)', new Point(1, 2)],
      ['(-0,1e300)', new Point(-0, 1e300)],
      ['(NaN,Infinity)', new Point(NaN, Infinity)],
    ],
  },
  { type: 'line', samples: [['{1,2,3}', new Line(1, 2, 3)]] },
  { type: 'lseg', samples: [['[(1,2),(3,4)]', new LineSegment(new Point(1, 2), new Point(3, 4))]] },
  { type: 'box', samples: [['(3,4),(1,2)', new Box(new Point(3, 4), new Point(1, 2))]] },
  {
    type: 'path',
    samples: [
      ['((1,2),(3,4))', new Path([new Point(1, 2), new Point(3, 4)], true)],
      ['[(1,2),(3,4)]', new Path([new Point(1, 2), new Point(3, 4)], false)],
    ],
  },
  { type: 'polygon', samples: [['((1,2),(3,4))', new Polygon([new Point(1, 2), new Point(3, 4)])]] },
  { type: 'circle', samples: [['<(1,2),3>', new Circle(new Point(1, 2), 3)]] },
  {
    type: 'pg_lsn',
    samples: [
      ['0/0', '0/0'],
      ['FFFFFFFF/FFFFFFFF', 'FFFFFFFF/FFFFFFFF'],
    ],
  },
  { type: 'tid', samples: [['(4294967295,65535)', '(4294967295,65535)']] },
  { type: 'pg_snapshot', samples: [['10:20:10,14,15', '10:20:10,14,15']] },
  { type: 'txid_snapshot', samples: [['10:20:', '10:20:']] },
  { type: 'tsvector', samples: [["'x y':1A,2", "'x y':1A,2"]] },
  { type: 'tsquery', samples: [["'fat' & ( 'rat' | 'cat' )", "'fat' & ( 'rat' | 'cat' )"]] },
  {
    type: 'regtype',
    samples: [
      ['int4', 'integer'],
      ['text[]', 'text[]'],
    ],
  },
  { type: 'regclass', samples: [['pg_class', 'pg_class']] },
  { type: 'regprocedure', samples: [['lower(text)', 'lower(text)']] },
  { type: 'regrole', samples: [['postgres', 'postgres']] },
  { type: 'regnamespace', samples: [['pg_catalog', 'pg_catalog']] },
  { type: 'aclitem', samples: [['postgres=arwdDxt/postgres', 'postgres=arwdDxt/postgres']] },
  {
    type: 'int2vector',
    samples: [
      ['1 2 3', [1, 2, 3]],
      ['', []],
    ],
  },
  { type: 'oidvector', samples: [['1 4294967295', [1, 4294967295]]] },
  {
    type: 'int4range',
    samples: [
      ['empty', new Range({ empty: true })],
      ['[1,5)', new Range({ lower: 1, upper: 5 })],
      ['(,5)', new Range({ upper: 5 })],
      ['(,)', new Range({})],
    ],
  },
  { type: 'int8range', samples: [['[1,9007199254740993)', new Range({ lower: 1n, upper: 9007199254740993n })]] },
  {
    type: 'numrange',
    samples: [['(1.50,2.0]', new Range({ lower: '1.50', upper: '2.0', lowerInc: false, upperInc: true })]],
  },
  {
    type: 'tsrange',
    samples: [['[-infinity,infinity]', new Range({ lower: -Infinity, upper: Infinity, upperInc: true })]],
  },
  { type: 'tstzrange', samples: [['[2024-01-01 00:00+00,)', new Range({ lower: new Date('2024-01-01T00:00:00Z') })]] },
  { type: 'daterange', samples: [['(,0044-03-15 BC)', new Range({ upper: new PgDate(-43, 3, 15) })]] },
  {
    type: 'int4multirange',
    since: 14,
    samples: [
      ['{}', []],
      ['{[1,5),[7,9)}', [new Range({ lower: 1, upper: 5 }), new Range({ lower: 7, upper: 9 })]],
    ],
  },
  { type: 'nummultirange', since: 14, samples: [['{(3,)}', [new Range({ lower: '3', lowerInc: false })]]] },
  {
    type: 'datemultirange',
    since: 14,
    samples: [
      ['{[2024-01-01,2024-01-02)}', [new Range({ lower: new PgDate(2024, 1, 1), upper: new PgDate(2024, 1, 2) })]],
    ],
  },
  {
    type: 'mood',
    samples: [
      ['ok', 'ok'],
      ['it\'s "{bad}", \\ NULL', 'it\'s "{bad}", \\ NULL'],
    ],
  },
  { type: 'positive', samples: [['7', 7]] },
  { type: 'tags', samples: [['{a,"b c",NULL}', ['a', 'b c', null]]] },
  {
    type: 'pair',
    samples: [
      ['(1,"x ""y"" (,)")', { a: 1, 'B b': 'x "y" (,)' }],
      ['(,)', { a: null, 'B b': null }],
      ['(2,"")', { a: 2, 'B b': '' }],
    ],
  },
  { type: 'pair_domain', samples: [['(1,x)', { a: 1, 'B b': 'x' }]] },
  {
    type: 'nested',
    samples: [
      [
        '("(1,x)","{""(2,y)"",NULL}",so so,"2024-01-02 03:04:05.000006+00")',
        {
          p: { a: 1, 'B b': 'x' },
          ps: [{ a: 2, 'B b': 'y' }, null],
          m: 'so so',
          at: at('2024-01-02T03:04:05.000Z', 6),
        },
      ],
    ],
  },
  {
    type: 'texty',
    samples: [
      [
        '(Größe,a.b,ok,"{1,NULL}","[1, {""a"": ""\\\\""""}]","(1,""x, \\\\\\\\"")","[1,5)","\\\\x00ff")',
        {
          c: 'Größe',
          path: 'a.b',
          m: 'ok',
          list: [1, null],
          data: [1, { a: '"' }],
          inner_v: { a: 1, 'B b': 'x, \\' },
          r: new Range({ lower: 1, upper: 5 }),
          b: bytes('00ff'),
        },
      ],
    ],
  },
  { type: 'floatrange', samples: [['[-0,1e-320)', new Range({ lower: -0, upper: 1e-320 })]] },
  { type: 'citextrange', samples: [['["A, b","z)")', new Range({ lower: 'A, b', upper: 'z)' })]] },
  { type: 'ltreerange', samples: [['[a.b,a.c)', new Range({ lower: 'a.b', upper: 'a.c' })]] },
  {
    type: 'citext',
    samples: [
      ['Größe', 'Größe'],
      ['', ''],
    ],
  },
  { type: 'ltree', samples: [['Top.Science', 'Top.Science']] },
  { type: 'hstore', samples: [['"a"=>"1"', '"a"=>"1"']] },
]
