// Writes src-async/errors/sqlstates.ts, one class per SQLSTATE, from PostgreSQL's own list of error codes:
//   node tools/generate-sqlstates.mjs <PostgreSQL share directory>/errcodes.txt
// Class names are asyncpg's: the name of the condition, shortened where RENAMES says so. RETIRED keeps codes that newer
// lists no longer have but that a supported server still sends.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const [listPath, outputPath = fileURLToPath(new URL('../src-async/errors/sqlstates.ts', import.meta.url))] =
  process.argv.slice(2)
if (listPath === undefined) {
  console.error('usage: node tools/generate-sqlstates.mjs <PostgreSQL share directory>/errcodes.txt')
  process.exit(2)
}

// PostgreSQL 17's list no longer has it, but servers up to 16 send it.
const RETIRED = [['72000', 'E', 'snapshot_too_old']]

// The class of PEP 249 for each class of SQLSTATEs; all others are subclasses of DatabaseError.
const PEP_CLASSES = {
  DataError: '22',
  IntegrityError: '23',
  OperationalError: '08 27 28 2F 38 39 3B 3D 40 53 54 55 57 58 72 F0 HV',
  InternalError: '24 25 2B 2D XX',
  ProgrammingError: '03 0L 0P 10 20 21 26 34 3F 42 44 P0',
  NotSupportedError: '0A',
}

// Names that differ from the condition's name.
const RENAMES = {
  '01000': 'PostgresWarning',
  '08000': 'PostgresConnectionError',
  '08001': 'ClientCannotConnectError',
  '08004': 'ConnectionRejectionError',
  '08006': 'ConnectionFailureError',
  22000: 'DataError',
  '22P01': 'PostgresFloatingPointError',
  38002: 'ModifyingExternalRoutineSQLDataNotPermittedError',
  38003: 'ProhibitedExternalRoutineSQLStatementAttemptedError',
  38004: 'ReadingExternalRoutineSQLDataNotPermittedError',
  39004: 'NullValueInExternalRoutineNotAllowedError',
  42000: 'SyntaxOrAccessError',
  42601: 'PostgresSyntaxError',
  58000: 'PostgresSystemError',
  58030: 'PostgresIOError',
  XX000: 'InternalServerError',
}
const UPPER_CASE_WORDS = { Sql: 'SQL', Fdw: 'FDW', Plpgsql: 'PLPGSQL' }

function parse(text) {
  const codes = new Map()
  for (const line of text.split('\n')) {
    const match = /^([0-9A-Z]{5})\s+([EWS])\s+\w+\s+(\w+)$/.exec(line.trim())
    if (match !== null && match[2] !== 'S') codes.set(match[1], { kind: match[2], condition: match[3] })
  }
  for (const [sqlstate, kind, condition] of RETIRED) if (!codes.has(sqlstate)) codes.set(sqlstate, { kind, condition })
  return codes
}

function classNameOf(sqlstate, kind, condition) {
  const renamed = RENAMES[sqlstate]
  if (renamed !== undefined) return renamed
  const words = condition.split('_').map((word) => word[0].toUpperCase() + word.slice(1))
  const name = words.map((word) => UPPER_CASE_WORDS[word] ?? word).join('')
  if (kind === 'W') return name
  return `${name.replace(/(Error|Exception|Failure)$/, '')}Error`
}

function pepClassOf(sqlstate) {
  const group = sqlstate.slice(0, 2)
  return Object.keys(PEP_CLASSES).find((name) => PEP_CLASSES[name].split(' ').includes(group)) ?? 'DatabaseError'
}

// These errors end the connection. Programs that catch OperationalError for a lost connection must catch these as well.
const LOSSES = new Set(['25P03', '25P04'])

function parentOf(sqlstate, codes, names) {
  if (LOSSES.has(sqlstate)) return 'OperationalError'
  const general = `${sqlstate.slice(0, 2)}000`
  if (sqlstate !== general && codes.has(general)) return names.get(general)
  if (sqlstate === '01000') return 'PostgresLogMessage'
  return codes.get(sqlstate).kind === 'W' ? 'PostgresWarning' : pepClassOf(sqlstate)
}

function typeOf(sqlstate) {
  if (sqlstate === '01000') return '`0${string}`' // 02000 stands below it.
  return sqlstate.endsWith('000') ? `\`${sqlstate.slice(0, 2)}\${string}\`` : `'${sqlstate}'`
}

function classText(sqlstate, codes, names) {
  const { condition } = codes.get(sqlstate)
  const name = names.get(sqlstate)
  const general = sqlstate.endsWith('000')
    ? `, and the other codes of class ${sqlstate.slice(0, 2)} that have no error class of their own`
    : ''
  return `/** ${sqlstate} ${condition}${general}. */
export class ${name} extends ${parentOf(sqlstate, codes, names)} {
  static override readonly name: string = '${name}'
  static override readonly sqlstate: string = '${sqlstate}'
  declare readonly sqlstate: ${typeOf(sqlstate)}
}
`
}

const tablesPath = fileURLToPath(new URL('../src-async/errors/sqlstate-tables.ts', import.meta.url))
const codes = parse(readFileSync(listPath, 'utf8'))
const names = new Map([...codes].map(([code, { kind, condition }]) => [code, classNameOf(code, kind, condition)]))
const duplicates = [...names.values()].filter((name, index, all) => all.indexOf(name) !== index)
if (duplicates.length > 0) throw new Error(`two codes for one class name, add to RENAMES: ${duplicates.join(', ')}`)

// Parents come before their children: the root of the warnings first, then the general code of each class.
const order = [...codes.keys()].sort((left, right) => {
  const leftKey = `${left.slice(0, 2)}${left.endsWith('000') ? 0 : 1}${left}`
  const rightKey = `${right.slice(0, 2)}${right.endsWith('000') ? 0 : 1}${right}`
  return leftKey < rightKey ? -1 : 1
})
const declared = order.filter((sqlstate) => sqlstate !== '22000')
const errors = order.filter((sqlstate) => codes.get(sqlstate).kind === 'E')
const warnings = order.filter((sqlstate) => codes.get(sqlstate).kind === 'W')
const trunk = [...new Set([...Object.keys(PEP_CLASSES), 'DatabaseError'])].sort()
const list = (all) => all.map((sqlstate) => `    ['${sqlstate}', ${names.get(sqlstate)}],`).join('\n')

writeFileSync(
  outputPath,
  `/**
 * GENERATED by tools/generate-sqlstates.mjs from PostgreSQL's errcodes.txt; change the generator, not this file.
 * One error class for each SQLSTATE, with asyncpg's names. They extend the error class of their class of codes, which
 * extends a class of PEP 249. Names are static properties, so that a minifier cannot lose them.
 */
import {
${[...trunk, 'PostgresLogMessage']
  .sort()
  .map((name) => `  ${name},`)
  .join('\n')}
} from './tree.ts'

${declared.map((sqlstate) => classText(sqlstate, codes, names)).join('\n')}`,
)
writeFileSync(
  tablesPath,
  `/**
 * GENERATED by tools/generate-sqlstates.mjs: the class of each SQLSTATE. The classes are in another file, because the
 * entry points export everything of that file. The tables are functions, which V8 compiles only when the first error comes.
 */
import {
${declared
  .map((sqlstate) => names.get(sqlstate))
  .sort()
  .map((name) => `  ${name},`)
  .join('\n')}
} from './sqlstates.ts'
import { DataError, type ErrorClass, type WarningClass } from './tree.ts'

/** Every class of error by its SQLSTATE. */
export function sqlstateErrors(): readonly (readonly [string, ErrorClass])[] {
  return [
${list(errors)}
  ]
}

/** Every class of warning by its SQLSTATE. */
export function sqlstateWarnings(): readonly (readonly [string, WarningClass])[] {
  return [
${list(warnings)}
  ]
}
`,
)
console.log(`${declared.length} classes written to ${outputPath}`)
