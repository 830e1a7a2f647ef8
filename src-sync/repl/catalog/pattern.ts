/**
 * The patterns of `\d`: `name`, `schema.name`, with `*` and `?`, folded to lower case outside double quotes. They become
 * conditions of a WHERE clause. Source of truth: PostgreSQL manual, psql, "Patterns".
 */
import { quoteLiteral } from '../../index.ts'
import { ShellError } from '../print/complaint.ts'

export interface PatternColumns {
  /** The SQL of the schema's name; null for objects that are in none. */
  readonly schema: string | null
  readonly name: string
  /** How many parts a pattern may have, the database's name among them. Left out, three with a schema and one without. */
  readonly mostParts?: number
  /** Another name of the same thing, as good as the first. */
  readonly otherName?: string
  /** Whether the name may be made of what regular expressions are made of, as those of operators are. */
  readonly isSymbol?: boolean
  /** True for what the search path shows; asked for when no schema is named. */
  readonly visible?: string
}

/** @returns conditions to be joined with AND, none for no pattern and nothing to hide. */
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

/** Conditions of which one is enough. */
export function orOf(conditions: readonly string[]): string {
  return conditions.length === 1 ? conditions[0]! : `(${conditions.join(' or ')})`
}

function matches(column: string, regex: string): string {
  return `${column} operator(pg_catalog.~) ${quoteLiteral(`^(${regex})$`)} collate pg_catalog.default`
}

/** What regular expressions are made of. */
const SPECIAL = /[|*+?()[\]{}.^$\\]/

/** The parts of a pattern as regular expressions. @param isLiteral whether only `*` and `?` are special */
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
    else part += unit.toLowerCase()
  }
  parts.push(part)
  return parts
}
