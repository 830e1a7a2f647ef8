/** Reads the doors with TypeDoc: their declarations, with types and docstrings. */
import { fileURLToPath } from 'node:url'

import { Application, ReflectionKind } from 'typedoc'

import { DOORS } from './doors.mjs'

export { ReflectionKind }

/** Holds what the exports of a door name and the door does not export. */
export const INTERNAL = '<internal>'

/**
 * @returns a module of TypeDoc's model for each door. What its exports name and it does not export
 *   is in its module INTERNAL, so that a page can say what the name stands for
 * @throws Error when TypeDoc cannot read a source
 */
export async function readDoors() {
  const app = await Application.bootstrapWithPlugins({
    entryPoints: DOORS.map(({ source }) => source),
    tsconfig: 'tsconfig.json',
    plugin: [fileURLToPath(import.meta.resolve('typedoc-plugin-missing-exports'))],
    internalModule: INTERNAL,
    // `tsc` has checked them.
    skipErrorChecking: true,
    excludePrivate: true,
    excludeProtected: true,
    excludeInternal: true,
    excludeExternals: true,
    sort: ['source-order'],
    logLevel: 'Error',
    blockTags: [
      '@param',
      '@typeParam',
      '@returns',
      '@throws',
      '@example',
      '@default',
      '@template',
      '@see',
      '@deprecated',
      '@remarks',
    ],
  })
  const project = await app.convert()
  if (project === undefined) throw new Error('TypeDoc could not read the doors')
  return project
}
