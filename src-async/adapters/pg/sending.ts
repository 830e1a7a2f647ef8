/** A query in the form in which it goes to the driver, and the options for its rows. */
import type { Pipeline, QueryResult } from '../../index.ts'
import type { Prepared } from './prepare-value.ts'

/** A result whose rows are text, as arrays or objects. */
export type TextResult = QueryResult<unknown>

/** A query to send. */
export interface Sending {
  readonly text: string
  readonly values: readonly Prepared[]
  readonly rowsAsArrays: boolean
  /** Whether the extended protocol is used, in which a text has one statement. */
  readonly isExtended: boolean
}

const TEXT = { types: 'text', values: 'text' } as const
/** Rows that are arrays of text. */
export const AS_ARRAYS = { ...TEXT, rowFactory: 'array' } as const
/** Rows that are plain objects of text. */
export const AS_OBJECTS = { ...TEXT, rowFactory: 'object' } as const

/** The values for the driver; undefined for the simple protocol, in which a text may hold several statements. */
export function valuesOf({ values, isExtended }: Sending): readonly Prepared[] | undefined {
  return values.length === 0 && !isExtended ? undefined : values
}

/** Sends a query of a pipeline in one flight and in order. */
export function sentWithin(pipeline: Pipeline, query: Sending): Promise<TextResult> {
  const form = query.rowsAsArrays ? AS_ARRAYS : AS_OBJECTS
  return pipeline.query(query.text, valuesOf(query), { ...form, inOrder: true }) as unknown as Promise<TextResult>
}
