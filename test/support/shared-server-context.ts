/** The types of what `global-setup.ts` provides to the test files; apart, because that process must not import tests. */
import type { ServerCoordinates } from './postgres-server.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The PostgreSQL every test file may use; see `sharedServer`. */
    readonly postgres: ServerCoordinates
  }
}
