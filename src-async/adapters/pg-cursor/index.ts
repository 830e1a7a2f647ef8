/** DOOR of `syncpg/pg/cursor`: what the npm package `pg-cursor` offers, for clients of `syncpg/pg`. */
import { Cursor, type CursorConfig } from './cursor.ts'

export { Cursor, type CursorConfig }
export { Cursor as default }
