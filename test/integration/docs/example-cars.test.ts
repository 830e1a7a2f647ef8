/** `npm start` runs this example, and newcomers read it first. It must work on each kind of server. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { expect, test } from 'vitest'

import { askServer, freshDatabase, sharedServer } from '../../support/shared-server.ts'
import { QUICK_WASM } from '../../support/quick-wasm.ts'

const example = fileURLToPath(new URL('../../../docs/examples/cars.mjs', import.meta.url))
const withoutServer = Object.entries(process.env).filter(([name]) => !name.startsWith('PG'))

/** Runs the example until it ends. The time limit is for an example that does not end. */
async function run(args: readonly string[], environment: Record<string, string> = {}): Promise<string> {
  const options = { timeout: 60_000, env: { ...Object.fromEntries(withoutServer), NO_COLOR: '1', ...environment } }
  return (await promisify(execFile)(process.execPath, [QUICK_WASM, example, ...args], options)).stdout
}

let inside: Promise<string> | undefined
/** What it says inside the process: the tests share one run. */
const ranInside = (): Promise<string> => (inside ??= run([]))

/** The report without the parts that differ between runs: the server's version and the times. */
function answers(report: string): string {
  return report.slice(report.indexOf('\nMiles per gallon'))
}

test('without arguments the example runs inside the process, and ends by itself', async () => {
  const report = await ranInside()
  expect(report).toMatch(/^PostgreSQL \d+.*inside this process/)
  expect(report).toMatch(/ 406 cars by executemany in \d+ ms\n +3376 airports .*\n +20000 flights /)
  expect(report).toContain('Japan      58 cars   32.1 mpg, 132 hp at most')
  expect(report).toContain("'John F Kennedy Intl'             │ 'NY'  │ 200     │ '16.2'")
  expect(report).toContain('UniqueViolationError: duplicate key value violates unique constraint "airport_pkey"')
  expect(report.trimEnd().endsWith('and JFK is still John F Kennedy Intl')).toBe(true)
}, 60_000)

test('on a server, by DSN or by environment, it prints the same answers and leaves nothing behind', async () => {
  const database = await freshDatabase()
  const server = sharedServer()
  const byDsn = await run([server.dsn({ database })])
  const environment = { PGHOST: server.host, PGPORT: String(server.port), PGDATABASE: database }
  const byEnvironment = await run([], { ...environment, PGUSER: server.user, PGPASSWORD: server.password })
  expect(byDsn).toMatch(/^PostgreSQL 18.*on a server/)
  expect(answers(byEnvironment)).toBe(answers(byDsn))
  expect(answers(await ranInside())).toBe(answers(byDsn))
  expect(await askServer(server, "select 1 from pg_namespace where nspname = 'syncpg_example'", [], database)).toEqual(
    [],
  )
}, 120_000)
