/** PEP 249's module globals. */
import { VERSION } from '../src-async/version.ts'

/** The version of PEP 249 that the module follows. */
export const apilevel = '2.0' as const
/**
 * 1 means that threads may share the module but not connections. A JavaScript object cannot be shared between threads.
 */
export const threadsafety = 1 as const
/** The default style of parameter markers. `$1` is always understood too. */
export const paramstyle = 'pyformat' as const
/** The version of this package. */
export const version: string = VERSION
/** The version of this package. Equal to `version`. */
export const libraryVersion: string = VERSION
