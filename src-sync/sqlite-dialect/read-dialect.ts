/** Applies the table of rules: finds SQLite's dialect in a text, and finds the rule that explains an error of PostgreSQL. */
import { type DialectRule, type StatementText, placesOf } from './dialect-rule.ts'
import { DIALECT_RULES } from './rules.ts'
import { asciiLower, maskedOf, nameOf, statementsOf, tokensOf } from './sqlite-text.ts'

/** A place in a text where PostgreSQL behaves differently from SQLite. */
export interface DialectFinding {
  readonly rule: DialectRule
  /** The offset in the text. */
  readonly offset: number
}

/** Finds all places in a text, in order. @param sql one statement or several */
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
  return withoutDuplicates(findings).toSorted((a, b) => a.offset - b.offset)
}

/** Drops findings at an offset where an earlier rule already reported a failure. */
function withoutDuplicates(findings: readonly DialectFinding[]): DialectFinding[] {
  const seen = new Set<number>()
  return findings.filter(({ offset, rule: { effect } }) => {
    if (seen.has(offset)) return false
    if (effect === 'fails') seen.add(offset)
    return true
  })
}

/** The fields of a syncpg error that `explain` needs. */
export interface FailedStatement {
  readonly sqlstate: string
  /** The text that failed. */
  readonly query: string
  /** The place in `query` that the server complains about, counted in characters from 1. */
  readonly position?: number | undefined
  readonly message: string
  readonly detail?: string | undefined
}

/** The hint for an error that SQLite's dialect explains; otherwise null. */
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

/** Whether the rule `names-case` fits: only for an error about a name that does not exist. Other rules always fit. */
function isAbout({ name }: DialectRule, { message }: FailedStatement): boolean {
  if (name !== 'names-case') return true
  const missing = /"([^"]+)"|column (\S+) does not exist/.exec(message)
  return missing !== null
}

/** Hints for errors that the values cause, rather than the text of the statement. */
function explainValues({ sqlstate, query, message, detail }: FailedStatement): string | null {
  if (sqlstate === '23505') return sequenceBehind(query, detail)
  if (sqlstate === '42804' && /must be type boolean/.test(message)) {
    return 'a condition is a boolean, not a number: write where x <> 0'
  }
  if (sqlstate === '42804' && /is of type boolean but expression is of type integer/.test(message)) {
    return 'a boolean column takes true and false; a parameter may be 1 or 0'
  }
  if (sqlstate === '42883') {
    if (/boolean = integer|integer = boolean|boolean <> integer/.test(message)) {
      return 'a boolean is compared with true and false, not with numbers: write where done, or where not done'
    }
    if (/text ->>? unknown|character varying ->>? unknown/.test(message))
      return 'JSON is read from a jsonb column: for a column of text write x::jsonb'
    if (
      /operator does not exist: (?:text|integer|bigint|double precision|numeric) \S+ (?:text|integer|bigint)/.test(
        message,
      )
    ) {
      return 'SQLite compares and adds text and numbers, PostgreSQL does not: cast one of them, x::bigint or x::text'
    }
    if (/sum\(boolean\)/.test(message)) return 'sum(condition): write count(*) filter (where condition)'
  }
  if (sqlstate === '42803') return 'each selected column must be in GROUP BY or inside an aggregate'
  if (sqlstate === '42P01' && /invalid reference to FROM-clause/.test(message)) {
    return 'FROM a, b LEFT JOIN c joins b with c first: write FROM a CROSS JOIN b LEFT JOIN c'
  }
  if (sqlstate === '42P10' && /ON CONFLICT/.test(message))
    return 'ON CONFLICT (…) has to name the columns of a primary key or unique index'
  if (sqlstate === '22003' && /integer out of range/.test(message))
    return 'INTEGER has 32 bits here: write alter table … alter column … type bigint'
  return null
}

/** A hint when a sequence gave a number that a row already has: rows were loaded with their own numbers. */
function sequenceBehind(query: string, detail: string | undefined): string | null {
  const key = /^Key \(([a-z_]\w*)\)=\(\d+\) already exists/.exec(detail ?? '')?.[1]
  const columns = /^\s*insert\s+into\s+[^(]*\(([^()]*)\)/i.exec(query)?.[1]
  if (key === undefined || columns === undefined) return null
  const names = tokensOf(columns).map((token) => asciiLower(nameOf(columns, token)))
  if (names.includes(key)) return null
  return `rows were loaded with their own numbers, and the sequence gives these numbers again: run select setval(pg_get_serial_sequence('table', '${key}'), max(${key})) from table`
}

function statementText(sql: string): StatementText {
  const tokens = tokensOf(sql)
  return { sql, tokens, masked: maskedOf(sql, tokens) }
}
