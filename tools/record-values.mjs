// Writes test/unit/values/samples.json: sample values of every built-in type as a real server sends them, in binary and text
// format. The unit tests of the codecs use it as their reference, so they need no server.
// Usage: node tools/record-values.mjs <dsn>            (runs psql)
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'

/** Literals by type name; the array types are added automatically. */
const LITERALS = {
  bool: ['t', 'f'],
  int2: ['0', '-1', '32767', '-32768'],
  int4: ['0', '-1', '2147483647', '-2147483648'],
  int8: ['0', '-1', '9223372036854775807', '-9223372036854775808', '9007199254740993', '4294967296'],
  oid: ['0', '4294967295'],
  xid: ['0', '4294967295'],
  cid: ['0', '4294967295'],
  xid8: ['0', '18446744073709551615'],
  float4: [
    '0',
    '-0',
    '1.1',
    '0.1',
    '1e-45',
    '3.4028235e38',
    '-1.1754944e-38',
    'NaN',
    'Infinity',
    '-Infinity',
    '16777216',
    '1e10',
    '123456.7',
    '0.00012345',
    '9.8607613e-32',
    '33554432',
    '8388608.5',
    '3e-44',
    '2e-10',
    '1.17549435e-38',
    '7.0385307e-26',
  ],
  float8: [
    '0',
    '-0',
    '1.1',
    '5e-324',
    '1.7976931348623157e308',
    'NaN',
    'Infinity',
    '-Infinity',
    '0.1',
    '1e23',
    '-123456.789',
  ],
  numeric: [
    '0',
    '0.00',
    '1.50',
    '-1.50',
    '10000',
    '100000',
    '1e5',
    '1e-5',
    '0.0001',
    '0.00010000',
    '9999.9999',
    '123456789.987654321',
    'NaN',
    'Infinity',
    '-Infinity',
    '1e100',
    '1e-100',
    '-0.000000001',
    '12345678901234567890.12345678901234567890',
    '1000000000000.0',
  ],
  money: ['1.50', '-92233720368547758.08'],
  text: [
    '',
    'x',
    'héllo',
    '😀',
    ' a b ',
    '\\',
    '"',
    '{}',
    'NULL',
    'null',
    ',',
    'line\nbreak',
    'a'.repeat(30),
    "o'clock",
  ],
  varchar: ['', 'wörd'],
  bpchar: ['a  ', ''],
  name: ['pg_class'],
  '"char"': ['a', '', '~'],
  xml: ['<a b="c">d</a>'],
  bytea: ['', '\\x00', '\\x00ff5c22', '\\x616263'],
  uuid: ['00000000-0000-0000-0000-000000000000', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'],
  json: ['null', '1', '"x"', '[1, 2, {"a": null}]', '{"a":  "é"}', 'true'],
  jsonb: ['null', '1', '"x"', '[1, 2, {"a": null}]', '{"a":  "é"}', 'true'],
  jsonpath: ['$.a[*] ? (@ > 2)'],
  date: [
    '2000-01-01',
    '1999-12-31',
    '2024-02-29',
    '0001-01-01',
    '0001-12-31 BC',
    '4713-11-24 BC',
    '5874897-12-31',
    'infinity',
    '-infinity',
    '1970-01-01',
    '9999-12-31',
    '10000-01-01',
  ],
  time: ['00:00', '24:00:00', '04:05:06.789', '23:59:59.999999', '00:00:00.000001'],
  timetz: ['00:00+00', '24:00:00-15:59:59', '04:05:06.789+05:30', '23:59:59.999999-08', '01:02:03+00:44:30'],
  timestamp: [
    '2000-01-01',
    '1999-12-31 23:59:59.999999',
    '2024-02-29 12:34:56.789',
    '2024-02-29 12:34:56.789012',
    '0044-03-15 01:02:03 BC',
    'infinity',
    '-infinity',
    '1600-01-01 00:00:00.000001',
    '9999-12-31 23:59:59.999999',
    '275760-09-13',
    '1715-06-13 00:25:26.290449',
    '1714-06-13 00:25:26.290449',
    '2284-06-13 00:25:26.290449',
    '2286-06-13 00:25:26.290449',
    '4713-11-24 00:00:00 BC',
  ],
  timestamptz: [
    '2000-01-01+00',
    '1999-12-31 23:59:59.999999+00',
    '2024-02-29 12:34:56.789+05:30',
    '2024-02-29 12:34:56.789012-08',
    '0044-03-15 01:02:03+00 BC',
    'infinity',
    '-infinity',
    '1883-01-01 00:00:00+00',
    '275760-09-13 00:00+00',
  ],
  interval: [
    '0',
    '1 year 2 mons 3 days 04:05:06.789',
    '-1 year',
    '-1 day +01:00',
    '1 mon -1 day',
    '-00:00:00.000001',
    '100 years',
    '36:00:00',
    '1 day',
    '2 days',
    '-13 mons',
    '2562047788:00:54.775807',
    '-178000000 years',
    '1 year -1 mon',
    '-1 mon +1 day -00:00:01',
  ],
  bit: ['1', '0'],
  varbit: ['', '1', '10110', '1111000011110000', '101010101'],
  inet: [
    '1.2.3.4',
    '1.2.3.4/24',
    '::',
    '::1',
    '::1.2.3.4',
    '::ffff:1.2.3.4',
    '2001:db8::1:0:0:1',
    '1::/16',
    'fe80::1/64',
    '::1:2',
    '1:2:3:4:5:6:7:8',
    '0:0:1::',
    '1:0:0:2::',
    '::5:0:0',
    '0:1:0:1:0:1:0:1',
    '::abcd',
    '::1:0',
  ],
  cidr: ['10.0.0.0/8', '1.2.3.4', '2001:db8::/32', '::/0', '0.0.0.0/0'],
  macaddr: ['08:00:2b:01:02:03'],
  macaddr8: ['08:00:2b:01:02:03:04:05'],
  point: ['(1,2)', '(-1.5,1e300)', '(NaN,Infinity)'],
  line: ['{1,2,3}'],
  lseg: ['[(1,2),(3,4)]'],
  box: ['(3,4),(1,2)'],
  path: ['((1,2),(3,4))', '[(1,2),(3,4),(5,6)]'],
  polygon: ['((1,2),(3,4),(5,6))'],
  circle: ['<(1,2),3>'],
  pg_lsn: ['0/0', '16/B374D848', 'FFFFFFFF/FFFFFFFF'],
  tid: ['(0,1)', '(4294967295,65535)'],
  pg_snapshot: ['10:20:10,14,15'],
  txid_snapshot: ['10:20:10,14,15'],
  tsvector: ['a fat cat', "'x y':1A,2"],
  tsquery: ['fat & (rat | cat)'],
  regtype: ['int4', 'text[]'],
  regclass: ['pg_class'],
  regproc: ['now'],
  int2vector: ['1 2 3', ''],
  oidvector: ['1 4294967295'],
  int4range: ['empty', '[1,5)', '(,5)', '[1,)', '(,)'],
  int8range: ['[1,9007199254740993)'],
  numrange: ['[1.50,2.0]', '(1,2)', '[-Infinity,NaN]'],
  tsrange: ['[2024-01-01,2024-01-02 03:04:05.000006]', '[-infinity,infinity]'],
  tstzrange: ['[2024-01-01 00:00+00,)'],
  daterange: ['[2024-01-01,2024-02-01)', '(,0044-03-15 BC)'],
  int4multirange: ['{}', '{[1,5),[7,9)}'],
  nummultirange: ['{[1.5,2.5],(3,)}'],
  tsmultirange: ['{[2024-01-01,2024-01-02)}'],
  tstzmultirange: ['{[2024-01-01 00:00+00,2024-01-02 00:00+00)}'],
  datemultirange: ['{[2024-01-01,2024-01-02),[2025-01-01,)}'],
  int8multirange: ['{[1,5),[7,9)}'],
}
/** Special arrays. Each type also gets an array of all its values and a NULL. */
const ARRAYS = {
  'int4[]': ['{}', '{{1,2},{3,4}}', '[0:1]={1,2}', '{{{1},{NULL}}}', '[2:3][4:4]={{1},{2}}'],
  'text[]': ['{}', '{"",NULL,"NULL"}', '{{"a b","c,d"},{"}{","\\\\\\""}}'],
  'box[]': ['{(3,4),(1,2);(7,8),(5,6)}'],
}

const dsn = process.argv[2]
const quote = (text) => `'${text.replaceAll("'", "''")}'`
const statements = []
function add(type, expression, source) {
  statements.push(`select json_build_object('type', ${quote(type)}, 'oid', ${quote(type)}::regtype::oid::int8, 'source', ${quote(source)},
    'text', format('%s', v), 'binary', encode(%SEND%(v), 'hex')) from (select ${expression} as v) s;`)
  statements[statements.length - 1] = statements.at(-1).replace('%SEND%', `%SEND:${type}%`)
}
for (const [type, literals] of Object.entries(LITERALS)) {
  for (const literal of literals) add(type, `${quote(literal)}::${type}`, literal)
  if (!type.endsWith('vector') || type === 'tsvector') {
    const items = literals.map((literal) => `${quote(literal)}::${type}`).join(', ')
    add(`${type}[]`, `array[${items}, null]::${type}[]`, '(all of the above and NULL)')
  }
}
for (const [type, literals] of Object.entries(ARRAYS)) {
  for (const literal of literals) add(type, `${quote(literal)}::${type}`, literal)
}

const psql = (input) =>
  execFileSync('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', dsn], { encoding: 'utf8', input, maxBuffer: 1 << 26 })
const types = [...Object.keys(LITERALS), ...Object.keys(LITERALS).map((type) => `${type}[]`)]
const sends = new Map(
  psql(
    types
      .map((type) => `select ${quote(type)}, typsend::regproc from pg_type where oid = ${quote(type)}::regtype;`)
      .join('\n'),
  )
    .trim()
    .split('\n')
    .map((line) => line.split('|')),
)
const setUp = `set timezone = 'UTC'; set datestyle = iso; set intervalstyle = postgres; set lc_monetary = 'C'; set bytea_output = hex;\n`
const output = psql(
  setUp + statements.map((sql) => sql.replace(/%SEND:(.*?)%/, (_, type) => sends.get(type))).join('\n'),
)
const samples = output
  .trim()
  .split('\n')
  .map((line) => JSON.stringify(JSON.parse(line)))
writeFileSync(new URL('../test/unit/values/samples.json', import.meta.url), `[\n${samples.join(',\n')}\n]\n`)
console.log(`${samples.length} samples`)
