/**
 * The doors of the package by the name of their files, and what the build makes of each: `dist/<name>.cjs`, the code;
 * `dist/<name>.js`, its names for `import`; `dist/<name>.d.ts`, its types for `import`. All lie in one folder:
 * `syncpg/pg/cursor` would be `pg-cursor`. package.json says which entry point is which (test/unit/project/doors.test.ts compares).
 */

/** The driver. What both doors need is in chunks that they share. */
export const DRIVER = { index: 'src-sync/index.ts', async: 'src-async/index.ts' }

/** Users of the driver's doors, as a program is one: they load the built doors, and hold no copy of the driver. */
export const USERS = {
  'sqlite-shape': 'src-sync/sqlite-shape/index.ts',
  pg: 'src-async/adapters/pg/index.ts',
  'pg-cursor': 'src-async/adapters/pg-cursor/index.ts',
  'pg-query-stream': 'src-async/adapters/pg-query-stream/index.ts',
  // It needs nothing of umzug itself.
  umzug: 'src-async/adapters/umzug/index.ts',
}

/**
 * Users that load a package when they run, a query builder for instance, which the program loads too and which may have one
 * build for `import` and one for `require`. They are written in both forms, so that each meets the build that the program has.
 */
export const USERS_OF_PEERS = {
  kysely: 'src-async/adapters/kysely/index.ts',
  drizzle: 'src-async/adapters/drizzle/index.ts',
}

/** Rooms of theirs that several share and that hold nothing of the driver: each has its own copy. */
export const ROOMS_OF_USERS = ['src-sync/sqlite-dialect', 'src-sync/sqlite-move']

export const DOORS = { ...DRIVER, ...USERS, ...USERS_OF_PEERS }
