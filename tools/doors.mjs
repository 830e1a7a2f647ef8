/**
 * The doors (entry points) of the package, by the name of their files. The build makes three files for each:
 * `dist/<name>.cjs`, the code; `dist/<name>.js`, its names for `import`; `dist/<name>.d.ts`, its types for `import`.
 * All are in one folder, so `syncpg/pg/cursor` would be `pg-cursor`. package.json maps entry points to them
 * (test/unit/project/doors.test.ts compares).
 */

/** The driver. Code that both doors need is in shared chunks. */
export const DRIVER = { index: 'src-sync/index.ts', async: 'src-async/index.ts' }

/** Users of the driver's doors. Like any program, they load the built doors and contain no copy of the driver. */
export const USERS = {
  'sqlite-shape': 'src-sync/sqlite-shape/index.ts',
  pg: 'src-async/adapters/pg/index.ts',
  'pg-cursor': 'src-async/adapters/pg-cursor/index.ts',
  'pg-query-stream': 'src-async/adapters/pg-query-stream/index.ts',
  // This adapter imports nothing from umzug, so it needs only one form.
  umzug: 'src-async/adapters/umzug/index.ts',
}

/**
 * Users that load a package at run time, such as a query builder, which the program loads too. That package may have one build
 * for `import` and one for `require`. So these users are written in both forms, and each form loads the program's build.
 */
export const USERS_OF_PEERS = {
  kysely: 'src-async/adapters/kysely/index.ts',
  drizzle: 'src-async/adapters/drizzle/index.ts',
}

/** Rooms that several users share and that contain nothing of the driver: each user gets its own copy. */
export const ROOMS_OF_USERS = ['src-sync/sqlite-dialect', 'src-sync/sqlite-move', 'src-async/adapters/common']

export const DOORS = { ...DRIVER, ...USERS, ...USERS_OF_PEERS }
