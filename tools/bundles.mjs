/** How esbuild bundles the driver, and the packages and programs that use its doors. */
import { build } from 'esbuild'

import { builtDoors, builtinModules, inlinedPackages, sqlstateClasses, withoutComments } from './esbuild-plugins.mjs'
import { nameWorkerForTracers, writeCommonJs } from './module-formats.mjs'

export const optionsOfAll = {
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  packages: 'external',
  sourcemap: true,
  // The package has no sources. The maps contain them, so that a stack trace can show the line:
  // docs/decisions/source-maps.md.
  sourcesContent: true,
  logLevel: 'warning',
}

const modules = { ...optionsOfAll, format: 'esm', splitting: true }

/**
 * @param doors the source of each door, by the name of its file
 * @param outdir where the files are written
 */
export async function buildDriver(doors, outdir) {
  const { outputFiles } = await build({
    ...modules,
    outdir,
    write: false,
    entryPoints: doors,
    chunkNames: 'shared-[hash]',
    plugins: [builtinModules, sqlstateClasses, withoutComments],
  })
  nameWorkerForTracers(outputFiles)
  writeCommonJs(outputFiles, doors)
}

/**
 * Builds users of doors. When a user imports from the source of a door, the result loads the built door beside it.
 * @param users the source of each user, by the name of its file; users are doors themselves
 * @param outdir where the files are written; the built doors are there too
 * @param doors the source of each door, by the name of its file
 * @param inBothForms for `import`, write an ES module with code instead of one that only lists names
 */
export async function buildUsers(users, outdir, doors, { inBothForms = false, ...more } = {}) {
  if (Object.keys(users).length === 0) return
  const plugins = [builtDoors(doors, users), inlinedPackages, builtinModules, withoutComments]
  const options = { ...modules, ...more, outdir, entryPoints: users, chunkNames: 'user-[hash]', plugins }
  const { outputFiles } = await build({ ...options, write: false })
  writeCommonJs(outputFiles, users)
  if (inBothForms) await build(options)
}

/** Builds a program that uses the doors. It stays an ES module, so that it can load its parts when it needs them. */
export async function buildProgram(programs, outdir, doors) {
  const plugins = [builtDoors(doors, programs), builtinModules, withoutComments]
  await build({ ...modules, outdir, entryPoints: programs, chunkNames: 'program-[hash]', plugins })
}
