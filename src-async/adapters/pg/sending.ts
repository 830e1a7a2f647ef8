/** What a query runs on the driver, and the forms in which it asks for rows. */
import type { Pipeline, QueryResult } from '../../index.ts'
import type { Prepared } from './prepare-value.ts'

/** Rows of text, in the form that a query wants. */
export type TextResult = QueryResult<unknown>

/** What a query runs. */
export interface Sending {
  readonly text: string
  readonly values: readonly Prepared[]
  readonly rowsAsArrays: boolean
  /** In the extended protocol, in which a text has one statement. */
  readonly isExtended: boolean
}

const TEXT = { types: 'text', values: 'text' } as const
/** Rows that are arrays of text. */
export const AS_ARRAYS = { ...TEXT, rowFactory: 'array' } as const
/** Rows that are plain objects of text. */
export const AS_OBJECTS = { ...TEXT, rowFactory: 'object' } as const

/** The values as the driver takes them: without any, a text of the simple protocol may hold several statements. */
export function valuesOf({ values, isExtended }: Sending): readonly Prepared[] | undefined {
  return values.length === 0 && !isExtended ? undefined : values
}

/** Sends a query in one flight, in its turn among others. */
export function sentWithin(pipeline: Pipeline, query: Sending): Promise<TextResult> {
  const form = query.rowsAsArrays ? AS_ARRAYS : AS_OBJECTS
  return pipeline.query(query.text, valuesOf(query), { ...form, inOrder: true }) as unknown as Promise<TextResult>
}
