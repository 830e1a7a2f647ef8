/**
 * How Drizzle's queries run: the forms of values that its columns read, and what becomes of the rows. Shared by the session that
 * awaits and the one that blocks.
 */
import { type Query, fillPlaceholders } from 'drizzle-orm'
import * as utils from 'drizzle-orm/utils'
import { flatRows } from './flat-rows.ts'
import type { SelectedFieldsOrdered } from 'drizzle-orm/pg-core/query-builders/select.types'

/**
 * Drizzle's columns read these types from the text that `pg` gives them, and a `sql` expression of one of them is that text
 * as well.
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

/** Drizzle's way from the rows of a relational query to its result. */
export type ResultMapper = (rows: unknown[][], mapColumnValue?: (value: unknown) => unknown) => unknown

/** What Drizzle tells of a query when it prepares it. */
export interface QueryPlan {
  readonly query: Query
  /** The columns that the builder has selected; undefined for raw SQL. */
  readonly fields: SelectedFieldsOrdered | undefined
  readonly mapper: ResultMapper | undefined
}

/** What a connection of either API gives. */
export interface Answer {
  readonly rows: unknown[]
  readonly rowCount: number | null
}

type MapResultRow = (fields: SelectedFieldsOrdered, row: unknown, nullable?: Record<string, boolean>) => unknown

// Drizzle's own drivers use it; its declarations leave it out.
const { mapResultRow } = utils as unknown as { mapResultRow: MapResultRow }

/** The statement with the values of its placeholders. */
export function statementOf(
  { query }: QueryPlan,
  values: Record<string, unknown> = {},
): { sql: string; params: unknown[] } {
  return { sql: query.sql, params: fillPlaceholders(query.params, values) }
}

/** Whether the rows are wanted by position, to be mapped. */
export function isMapped({ fields, mapper }: QueryPlan): boolean {
  return fields !== undefined || mapper !== undefined
}

/** What Drizzle's caller gets. @param nullable which tables of joins may be missing, as the builder has it */
export function resultOf(
  { fields, mapper }: QueryPlan,
  answer: Answer,
  nullable: Record<string, boolean> | undefined,
): unknown {
  if (mapper !== undefined) return mapper(answer.rows as unknown[][])
  if (fields === undefined) return answer
  return flatRows(fields, answer.rows) ?? answer.rows.map((row) => mapResultRow(fields, row, nullable))
}
