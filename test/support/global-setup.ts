/**
 * Runs once before all test files: starts the PostgreSQL 18 they share and tells them where it is. Builds nothing; the
 * files that need the built package say so themselves. Should this process die, the server's watchdog cleans up.
 */
import type { TestProject } from 'vitest/node'

import { startServer } from './postgres-server.ts'
import type { ServerCoordinates } from './postgres-server.ts'
import './shared-server-context.ts'

export default async function startSharedServer(project: TestProject): Promise<() => Promise<void>> {
  const server = await startServer({ major: 18, tls: true, settings: { max_connections: '200' } })
  const { major, host, port, socketDirectory, user, password, database, tls } = server
  const coordinates: ServerCoordinates = {
    major,
    host,
    port,
    socketDirectory,
    user,
    password,
    database,
    ...(tls ? { tls } : {}),
  }
  project.provide('postgres18', coordinates)
  return () => server.dispose()
}
