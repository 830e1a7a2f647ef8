/**
 * Runs every scenario against one face over one transport. A test file for each pair keeps a connection per process
 * where starting a server is dear (PGlite), and lets the runner spread the rest.
 */
import { afterAll, beforeAll, beforeEach, describe } from 'vitest'

import { askServer, createDatabase, sharedServer } from '../support/shared-server.ts'
import { type Driver, type World, openDriver } from './driver.ts'
import { batchScenarios } from './scenarios/batches.ts'
import { builderScenarios } from './scenarios/builders.ts'
import { copyScenarios } from './scenarios/copy.ts'
import { errorScenarios } from './scenarios/errors.ts'
import { guessScenarios } from './scenarios/guesses.ts'
import { lifeScenarios } from './scenarios/life.ts'
import { parameterScenarios } from './scenarios/parameters.ts'
import { queryScenarios } from './scenarios/queries.ts'
import { statementScenarios } from './scenarios/statements.ts'
import { stringScenarios } from './scenarios/strings.ts'
import { transactionScenarios } from './scenarios/transactions.ts'
import { valueScenarios } from './scenarios/values.ts'
import { watchingScenarios } from './scenarios/watching.ts'

// Most scenarios leave the schema empty, and a look for what is in it takes a tenth of the time of making it anew.
const EMPTY_SCHEMA = `
  set client_min_messages = warning;
  create schema if not exists parity;
  do $$ begin
    if exists (
      select from pg_depend where refclassid = 'pg_namespace'::regclass and refobjid = 'parity'::regnamespace
    ) then
      drop schema parity cascade;
      create schema parity;
    end if;
  end $$;
  set search_path = parity;
  reset client_min_messages`

/** Declares the tests of a face over a way to the shared server, in a database of their own. */
export function parityOverServer(face: World['face'], transport: 'tcp' | 'unix' | 'tls'): void {
  const database = `parity_${face}_${transport}_${process.pid}`
  const server = sharedServer()
  const world: World = { face, transport, connect: () => openDriver(face, server.dsn({ transport, database })) }
  describe(`${face} over ${transport}`, () => {
    beforeAll(async () => {
      await createDatabase(server, database)
      return async () => {
        await askServer(server, `drop database ${database} with (force)`)
      }
    })
    allScenarios(world)
  })
}

/** Declares the tests of a face over PostgreSQL embedded in the thread that hosts the driver. */
export function parityOverPglite(face: World['face']): void {
  const world: World = { face, transport: 'pglite', connect: () => openDriver(face, 'pglite:') }
  describe(`${face} over pglite`, () => {
    allScenarios(world)
  })
}

function allScenarios(world: World): void {
  let driver: Driver
  const current = (): Driver => driver
  beforeAll(async () => {
    driver = await world.connect()
  })
  afterAll(async () => {
    if (!driver.isClosed) await driver.close()
  })
  // A scenario finds an empty schema and no transaction, whatever the one before it left.
  beforeEach(async () => {
    if (driver.isClosed) driver = await world.connect()
    if (driver.isInTransaction) await driver.execute('rollback')
    await driver.execute(EMPTY_SCHEMA)
  })
  valueScenarios(current)
  parameterScenarios(current)
  stringScenarios(current)
  guessScenarios(current)
  builderScenarios(current)
  queryScenarios(current)
  statementScenarios(current)
  batchScenarios(current)
  copyScenarios(current)
  transactionScenarios(current)
  errorScenarios(current)
  watchingScenarios(current)
  // The last one closes the connection.
  lifeScenarios(current)
}
