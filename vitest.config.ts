/**
 * How the tests run. Unit tests import the sources and need nothing; the others import the built package under its own
 * names, because Node 20 cannot run a worker from TypeScript, and share one PostgreSQL started before the first file.
 */
import { fileURLToPath } from 'node:url'

import { defineConfig } from 'vitest/config'

import { LongestFirst } from './test/support/longest-first.ts'
import { memoryFolder } from './test/support/memory-folder.ts'
import { QUICK_WASM } from './test/support/quick-wasm.ts'

const built = (file: string): string => fileURLToPath(new URL(`dist/${file}`, import.meta.url))

// The process that starts the shared server and those that run the files take it from here.
process.env['SYNCPG_TEST_SERVERS'] ??= memoryFolder()

// Under a processor that other work shares, a limit that is generous for a healthy test still ends a hung one.
const shared = {
  // What is done to a process, signals and exits, is done to one of its own (test/support/run-script.ts); so files may
  // share one: starting it takes longer than many files do.
  isolate: false,
  // Tests that are marked as concurrent wait for limits of several seconds.
  maxConcurrency: 8,
  testTimeout: 40_000,
  hookTimeout: 60_000,
  teardownTimeout: 15_000,
  setupFiles: ['test/support/blocked-thread-guard.ts'],
  // The embedded server's image stays with the project: not every start waits for initdb, and the user's folder is left alone.
  env: { SYNCPG_CACHE_DIR: fileURLToPath(new URL('node_modules/.cache/syncpg', import.meta.url)) },
}

export default defineConfig({
  test: {
    // Processes, because a hung one can be killed.
    pool: 'forks',
    // Some files mostly wait: more processes than processors keep both busy meanwhile.
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
    reporters: process.env['CI'] ? ['dot'] : ['default'],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/{unit,api}/**/*.test.ts'],
          ...shared,
        },
      },
      {
        resolve: {
          alias: [
            { find: /^syncpg$/, replacement: built('index.js') },
            { find: /^syncpg\/async$/, replacement: built('async.js') },
            { find: /^syncpg\/sqlite-shape$/, replacement: built('sqlite-shape.js') },
            { find: /^syncpg\/drizzle$/, replacement: built('drizzle.js') },
            { find: /^syncpg\/kysely$/, replacement: built('kysely.js') },
            { find: /^syncpg\/pg$/, replacement: built('pg.js') },
            { find: /^syncpg\/pg\/cursor$/, replacement: built('pg-cursor.js') },
            { find: /^syncpg\/pg\/query-stream$/, replacement: built('pg-query-stream.js') },
            { find: /^syncpg\/umzug$/, replacement: built('umzug.js') },
          ],
        },
        test: {
          name: 'server',
          include: ['test/{support,integration,parity,worker,compliance,types,adapters}/**/*.test.ts'],
          execArgv: [QUICK_WASM],
          globalSetup: ['test/support/global-setup.ts'],
          // The built package is run by Node as users run it, never transformed.
          server: { deps: { external: [/\/dist\//] } },
          ...shared,
        },
      },
    ],
  },
})
