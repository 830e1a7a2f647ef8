/** Reads the doors (entry points of the package) with TypeDoc: their declarations, with types and docstrings. */
import { fileURLToPath } from 'node:url'

import { Application, ReflectionKind } from 'typedoc'

import { DOORS } from './doors.mjs'

export { ReflectionKind }

/** The module with the declarations that a door's exports refer to and the door does not export. */
export const INTERNAL = '<internal>'

/**
 * @returns a module of TypeDoc's model for each door. Declarations that its exports refer to, and that it does not
 *   export, are in its module INTERNAL, so that a page can show their types
 * @throws Error when TypeDoc cannot read a source
 */
export async function readDoors() {
  const app = await Application.bootstrapWithPlugins({
    entryPoints: DOORS.map(({ source }) => source),
    tsconfig: 'tsconfig.json',
    plugin: [fileURLToPath(import.meta.resolve('typedoc-plugin-missing-exports'))],
    internalModule: INTERNAL,
    // `tsc` has checked the sources already.
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
