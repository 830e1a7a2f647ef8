/** Takes the place of the driver's `wire/embedded/start.ts`: starts PGlite from the site's own files, all of it in memory. */
import { OperationalError } from '../../../src-async/errors/tree.ts'
import { refusePrograms } from '../../../src-async/wire/embedded/programs.ts'

const PGLITE = new URL('./pglite/index.js', import.meta.url).href

export async function startPglite(dataDirectory) {
  if (dataDirectory !== null) {
    throw new OperationalError('a browser has no directories', {
      hint: "connect('pglite:') keeps everything in memory",
    })
  }
  const { PGlite } = await import(PGLITE)
  const database = await PGlite.create({ initDbStartParams: ['--set', 'shared_buffers=16MB'] })
  refusePrograms(database)
  return database
}
