/** The two questions to the table of rules: what of a text is SQLite's, and which rule explains an error of PostgreSQL's. */
import { type DialectRule, type StatementText, placesOf } from './dialect-rule.ts'
import { DIALECT_RULES } from './rules.ts'
import { asciiLower, maskedOf, nameOf, statementsOf, tokensOf } from './sqlite-text.ts'

/** A place in a text where SQLite's SQL becomes something else. */
export interface DialectFinding {
  readonly rule: DialectRule
  /** Offset in the text. */
  readonly offset: number
}

/** All places of a text, in order. @param sql one statement or many */
export function findDialect(sql: string): DialectFinding[] {
  const findings: DialectFinding[] = []
  for (const { start, end } of statementsOf(sql)) {
    const statement = statementText(sql.slice(start, end))
    for (const rule of DIALECT_RULES) {
      for (const place of placesOf(rule, statement)) {
        if (rule.isCertain?.(statement, place) === false) continue
        findings.push({ rule, offset: start + place })
      }
    }
  }
  return withoutWeaker(findings).toSorted((a, b) => a.offset - b.offset)
}

/** A trigger and a virtual table are said as a whole. A place that two rules know is the first one's. */
function withoutWeaker(findings: readonly DialectFinding[]): DialectFinding[] {
  const seen = new Set<number>()
  return findings.filter(({ offset, rule: { effect } }) => {
    if (seen.has(offset)) return false
    if (effect === 'fails') seen.add(offset)
    return true
  })
}

/** What a hint is asked with: the fields of an error of syncpg. */
export interface FailedStatement {
  readonly sqlstate: string
  /** The text that failed. */
  readonly query: string
  /** Where in it the server saw the fault, counted in characters from 1. */
  readonly position?: number | undefined
  readonly message: string
  readonly detail?: string | undefined
}

/** What explains an error, where SQLite's dialect does; null else. */
export function explain(failed: FailedStatement): string | null {
  const { sqlstate, query, position } = failed
  const statement = statementText(query)
  const offset = position === undefined ? null : [...query].slice(0, position - 1).join('').length
  let best: { readonly says: string; readonly distance: number } | null = null
  for (const rule of DIALECT_RULES) {
    if (rule.states?.includes(sqlstate) !== true || !isAbout(rule, failed)) continue
    for (const place of placesOf(rule, statement)) {
      const distance = offset === null ? 0 : Math.abs(place - offset)
      if (best === null || distance < best.distance) best = { says: rule.says, distance }
    }
  }
  return best?.says ?? explainValues(failed)
}

/** A name that is not there is explained by its case only where it would be there in lower case. */
function isAbout({ name }: DialectRule, { message }: FailedStatement): boolean {
  if (name !== 'names-case') return true
  const missing = /"([^"]+)"|column (\S+) does not exist/.exec(message)
  return missing !== null
}

/** Errors that come of what the values are, not of how the statement is written. */
function explainValues({ sqlstate, query, message, detail }: FailedStatement): string | null {
  if (sqlstate === '23505') return sequenceBehind(query, detail)
  if (sqlstate === '42804' && /must be type boolean/.test(message)) {
    return 'a condition is a boolean, not a number: where x <> 0'
  }
  if (sqlstate === '42804' && /is of type boolean but expression is of type integer/.test(message)) {
    return 'a boolean column takes true and false; a parameter may be 1 or 0'
  }
  if (sqlstate === '42883') {
    if (/boolean = integer|integer = boolean|boolean <> integer/.test(message)) {
      return 'a boolean is compared with true and false, or not at all: where done, where not done'
    }
    if (/text ->>? unknown|character varying ->>? unknown/.test(message))
      return 'JSON is read from a jsonb column, or x::jsonb'
    if (
      /operator does not exist: (?:text|integer|bigint|double precision|numeric) \S+ (?:text|integer|bigint)/.test(
        message,
      )
    ) {
      return 'SQLite compares and adds text and numbers; here one of them is cast: x::bigint, x::text'
    }
    if (/sum\(boolean\)/.test(message)) return 'sum(condition) is count(*) filter (where condition)'
  }
  if (sqlstate === '42803') return 'a column beside GROUP BY is grouped by too, or goes into an aggregate'
  if (sqlstate === '42P01' && /invalid reference to FROM-clause/.test(message)) {
    return 'FROM a, b LEFT JOIN c joins b with c first: write a CROSS JOIN b LEFT JOIN c'
  }
  if (sqlstate === '42P10' && /ON CONFLICT/.test(message))
    return 'ON CONFLICT (…) names the columns of a primary key or unique index'
  if (sqlstate === '22003' && /integer out of range/.test(message))
    return 'INTEGER has 32 bits here: alter table … alter column … type bigint'
  return null
}

/** A number that a sequence gave and that was there: rows were loaded with numbers of their own. */
function sequenceBehind(query: string, detail: string | undefined): string | null {
  const key = /^Key \(([a-z_]\w*)\)=\(\d+\) already exists/.exec(detail ?? '')?.[1]
  const columns = /^\s*insert\s+into\s+[^(]*\(([^()]*)\)/i.exec(query)?.[1]
  if (key === undefined || columns === undefined) return null
  const names = tokensOf(columns).map((token) => asciiLower(nameOf(columns, token)))
  if (names.includes(key)) return null
  return `rows were loaded with numbers of their own, and the sequence is behind them: select setval(pg_get_serial_sequence('table', '${key}'), max(${key})) from table`
}

function statementText(sql: string): StatementText {
  const tokens = tokensOf(sql)
  return { sql, tokens, masked: maskedOf(sql, tokens) }
}
