/** How esbuild bundles the driver, and those that use its doors. */
import { build } from 'esbuild'

import { builtDoors, builtinModules, inlinedPackages, sqlstateClasses, withoutComments } from './esbuild-plugins.mjs'
import { nameWorkerForTracers, writeCommonJs } from './module-formats.mjs'

export const optionsOfAll = {
  bundle: true,
  platform: 'node',
  target: 'node20.19',
  packages: 'external',
  sourcemap: true,
  // A package without its sources still leads from a stack to the line: docs/decisions/source-maps.md.
  sourcesContent: true,
  logLevel: 'warning',
}

const modules = { ...optionsOfAll, format: 'esm', splitting: true }

/**
 * @param doors sources by the names of their files
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
 * Builds users of doors: what they import from the source of a door they load from the built door beside them.
 * @param users sources by the names of their files, doors themselves
 * @param outdir where the files are written, the built doors among them
 * @param doors the sources of all doors by the names of their files
 * @param inBothForms write an ES module with code, not with names only, for `import`
 */
export async function buildUsers(users, outdir, doors, { inBothForms = false, ...more } = {}) {
  if (Object.keys(users).length === 0) return
  const plugins = [builtDoors(doors, users), inlinedPackages, builtinModules, withoutComments]
  const options = { ...modules, ...more, outdir, entryPoints: users, chunkNames: 'user-[hash]', plugins }
  const { outputFiles } = await build({ ...options, write: false })
  writeCommonJs(outputFiles, users)
  if (inBothForms) await build(options)
}

/** Builds a program, a user of the doors that stays an ES module: it loads its parts when it needs them. */
export async function buildProgram(programs, outdir, doors) {
  const plugins = [builtDoors(doors, programs), builtinModules, withoutComments]
  await build({ ...modules, outdir, entryPoints: programs, chunkNames: 'program-[hash]', plugins })
}
