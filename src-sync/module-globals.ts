/** PEP 249's module globals. */
import { VERSION } from '../src-async/version.ts'

/** The version of PEP 249 that the module follows. */
export const apilevel = '2.0' as const
/** Threads may share the module, not connections: a JavaScript object cannot cross threads at all. */
export const threadsafety = 1 as const
/** What `execute` reads unless told otherwise; `$1` is always understood beside it. */
export const paramstyle = 'pyformat' as const
/** The version of this package. */
export const version: string = VERSION
/** The version of this package. */
export const libraryVersion: string = VERSION
