/**
 * The door (entry point) of `syncpg/pg/query-stream`: the API of the npm package `pg-query-stream`, for clients of
 * `syncpg/pg`.
 */
import { QueryStream, type QueryStreamConfig } from './query-stream.ts'

export { QueryStream, type QueryStreamConfig }
export { QueryStream as default }
