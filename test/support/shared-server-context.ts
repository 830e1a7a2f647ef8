/**
 * The types of the values that `global-setup.ts` provides to the test files. They have a file of their own because that
 * process must not import tests.
 */
import type { ServerCoordinates } from './postgres-server.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The PostgreSQL that every test file may use; see `sharedServer`. */
    readonly postgres: ServerCoordinates
  }
}
