/**
 * The patterns of `\d`: `name` or `schema.name`, with `*` and `?`, in lower case except inside double quotes. They become
 * conditions of a WHERE clause. Source of truth: PostgreSQL manual, psql, "Patterns".
 */
import { quoteLiteral } from '../../index.ts'
import { foldName } from '../fold-name.ts'
import { ShellError } from '../print/complaint.ts'

export interface PatternColumns {
  /** The SQL of the schema's name; null for objects that have no schema. */
  readonly schema: string | null
  readonly name: string
  /** The greatest number of parts in a pattern, including the database. Default: three with a schema, one without. */
  readonly mostParts?: number
  /** The SQL of another name of the object; a match of either name is enough. */
  readonly otherName?: string
  /** Whether names may contain the special characters of regular expressions, as operators do. */
  readonly isSymbol?: boolean
  /** The SQL condition for objects that the search path finds; used when the pattern has no schema. */
  readonly visible?: string
}

/** @returns conditions to be joined with AND; none when there is no pattern and nothing to hide. */
export function patternConditions(pattern: string | undefined, columns: PatternColumns): string[] {
  if (pattern === undefined) return columns.visible === undefined ? [] : [columns.visible]
  const parts = readPattern(pattern, columns.isSymbol)
  if (parts.length > (columns.mostParts ?? (columns.schema === null ? 1 : 3))) {
    throw new ShellError(`improper qualified name (too many dotted names): ${pattern}`)
  }
  const name = parts.at(-1)!
  const schema = parts.at(-2)
  const conditions: string[] = []
  if (name !== '.*') {
    const either = [columns.name, columns.otherName].filter((column) => column !== undefined)
    conditions.push(orOf(either.map((column) => matches(column, name))))
  }
  if (schema !== undefined && columns.schema !== null) conditions.push(matches(columns.schema, schema))
  else if (columns.visible !== undefined) conditions.push(columns.visible)
  return conditions
}

/** Joins conditions with OR. */
export function orOf(conditions: readonly string[]): string {
  return conditions.length === 1 ? conditions[0]! : `(${conditions.join(' or ')})`
}

function matches(column: string, regex: string): string {
  return `${column} operator(pg_catalog.~) ${quoteLiteral(`^(${regex})$`)} collate pg_catalog.default`
}

/** The special characters of regular expressions. */
const SPECIAL = /[|*+?()[\]{}.^$\\]/

/** The parts of a pattern as regular expressions. @param isLiteral whether only `*` and `?` are special. */
export function readPattern(pattern: string, isLiteral = false): string[] {
  const parts: string[] = []
  let part = ''
  let isQuoted = false
  for (let at = 0; at < pattern.length; at++) {
    const unit = pattern[at]!
    if (unit === '"') {
      if (isQuoted && pattern[at + 1] === '"') {
        part += '"'
        at += 1
      } else isQuoted = !isQuoted
    } else if (isQuoted) part += SPECIAL.test(unit) ? `\\${unit}` : unit
    else if (unit === '.') {
      parts.push(part)
      part = ''
    } else if (unit === '*') part += '.*'
    else if (unit === '?') part += '.'
    else if (unit === '$' || (isLiteral && SPECIAL.test(unit))) part += `\\${unit}`
    else if (unit === '[' && pattern[at + 1] === ']') part += '\\['
    else part += foldName(unit)
  }
  parts.push(part)
  return parts
}
