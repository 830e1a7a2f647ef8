/** The door (entry point) of `syncpg/pg/cursor`: the API of the npm package `pg-cursor`, for clients of `syncpg/pg`. */
import { Cursor, type CursorConfig } from './cursor.ts'

export { Cursor, type CursorConfig }
export { Cursor as default }
