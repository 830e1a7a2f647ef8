/**
 * Runs once before all test files: starts the PostgreSQL that they share and gives them its address. It builds nothing;
 * files that need the built package say so themselves. If this process dies, the server's watchdog cleans up.
 */
import type { TestProject } from 'vitest/node'

import type { PostgresMajor } from './postgres-binaries.ts'
import { startServer } from './postgres-server.ts'
import type { ServerCoordinates } from './postgres-server.ts'
import './shared-server-context.ts'

export default async function startSharedServer(project: TestProject): Promise<() => Promise<void>> {
  const wanted = Number(process.env['SYNCPG_TEST_MAJOR'] ?? 18) as PostgresMajor
  const server = await startServer({ major: wanted, tls: true, settings: { max_connections: '200' } })
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
  project.provide('postgres', coordinates)
  return () => server.dispose()
}
