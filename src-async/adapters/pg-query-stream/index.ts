/** DOOR of `syncpg/pg/query-stream`: what the npm package `pg-query-stream` offers, for clients of `syncpg/pg`. */
import { QueryStream, type QueryStreamConfig } from './query-stream.ts'

export { QueryStream, type QueryStreamConfig }
export { QueryStream as default }
