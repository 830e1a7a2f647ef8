/**
 * The parts that Drizzle's two sessions share, the one that awaits and the one that blocks: the forms of values that
 * its columns read, and the way from rows to results.
 */
import { type Query, fillPlaceholders } from 'drizzle-orm'
import * as utils from 'drizzle-orm/utils'
import { flatRows } from './flat-rows.ts'
import type { SelectedFieldsOrdered } from 'drizzle-orm/pg-core/query-builders/select.types'

/**
 * For these types Drizzle's columns expect the text that `pg` gives, and convert it. A `sql` expression has no column,
 * so its value stays text.
 */
const FORMS = {
  int8: 'string',
  numeric: 'string',
  date: 'string',
  time: 'string',
  timetz: 'string',
  timestamp: 'string',
  timestamptz: 'string',
  interval: 'string',
  inet: 'string',
  cidr: 'string',
  macaddr: 'string',
  macaddr8: 'string',
  bit: 'string',
  varbit: 'string',
  line: 'string',
} as const

/** Rows by position, for the columns that a builder has selected. */
export const POSITIONS = { rowFactory: 'array', types: FORMS } as const
/** Rows by name, for raw SQL. */
export const OBJECTS = { rowFactory: 'object', types: FORMS } as const

/** Drizzle's function that turns the rows of a relational query into its result. */
export type ResultMapper = (rows: unknown[][], mapColumnValue?: (value: unknown) => unknown) => unknown

/** The data that Drizzle gives when it prepares a query. */
export interface QueryPlan {
  readonly query: Query
  /** The columns that the builder has selected; undefined for raw SQL. */
  readonly fields: SelectedFieldsOrdered | undefined
  readonly mapper: ResultMapper | undefined
}

/** The result of a query on a connection of either API. */
export interface Answer {
  readonly rows: unknown[]
  readonly rowCount: number | null
}

type MapResultRow = (fields: SelectedFieldsOrdered, row: unknown, nullable?: Record<string, boolean>) => unknown

// Drizzle's own drivers use this function, but Drizzle's declarations do not have it.
const { mapResultRow } = utils as unknown as { mapResultRow: MapResultRow }

/** The statement, with values for its placeholders. */
export function statementOf(
  { query }: QueryPlan,
  values: Record<string, unknown> = {},
): { sql: string; params: unknown[] } {
  return { sql: query.sql, params: fillPlaceholders(query.params, values) }
}

/** Whether Drizzle maps the rows, and so needs them by position. */
export function isMapped({ fields, mapper }: QueryPlan): boolean {
  return fields !== undefined || mapper !== undefined
}

/** The result for the caller of Drizzle. @param nullable which joined tables may be missing, from the builder */
export function resultOf(
  { fields, mapper }: QueryPlan,
  answer: Answer,
  nullable: Record<string, boolean> | undefined,
): unknown {
  if (mapper !== undefined) return mapper(answer.rows as unknown[][])
  if (fields === undefined) return answer
  return flatRows(fields, answer.rows) ?? answer.rows.map((row) => mapResultRow(fields, row, nullable))
}
