/**
 * Starts the embedded PostgreSQL (PGlite). Its data is in a directory, or in memory (`memory-files.ts`). The first start on a
 * machine runs initdb and stores an image of the new cluster. Later starts copy a new cluster from the image, which is faster.
 */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { OperationalError } from '../../errors/tree.ts'
import { imagePath, packageFiles, serverMajor } from './cache.ts'
import { UNFINISHED, folderError, inspectDataDirectory } from './data-directory.ts'
import { ClusterImage, imageOf, storeImage } from './image.ts'
import { isLockFile } from './lock.ts'
import { type EmscriptenModule, mountMemoryFiles } from './memory-files.ts'
import { type CommandRunner, refusePrograms } from './programs.ts'
import { ServerLog } from './server-log.ts'

/** The part of PGlite that syncpg uses. */
export interface Pglite extends CommandRunner {
  execProtocolRawStream(
    message: Uint8Array,
    options: { readonly syncToFs: boolean; readonly onRawData: (bytes: Uint8Array) => void },
  ): Promise<void>
  close(): Promise<void>
}

interface PgliteOptions {
  readonly dataDir?: string
  readonly fs?: object
  readonly pgliteWasmModule?: object
  readonly initDbStartParams?: readonly string[]
  /** Called with each line of PostgreSQL's log. */
  readonly onStderr?: (text: string) => void
}

interface PgliteModule {
  readonly PGlite: { create(options: PgliteOptions): Promise<Pglite> }
  /** Its methods are hooks: called when the files can be filled, after initdb has run, and at the end. */
  readonly MemoryFS: new () => {
    readonly pg: { readonly Module: EmscriptenModule }
    initialSyncFs(): Promise<void>
    syncToFs(): Promise<void>
    closeFs(): Promise<void>
  }
}

/** Describes `WebAssembly`, which some versions of Node's type declarations leave out. */
interface WithCompiler {
  readonly WebAssembly: { compile(program: Uint8Array): Promise<object> }
}

const PACKAGE = '@electric-sql/pglite'
/** PostgreSQL fills its buffers with zeros when it starts. Small buffers make that faster. */
const INITDB = ['--set', 'shared_buffers=16MB']

/**
 * Starts PGlite.
 * @param dataDirectory the real path of a directory that is locked; null keeps all data in memory.
 * @throws OperationalError when the package is missing, the directory holds something else, or PostgreSQL refuses it.
 */
export async function startPglite(dataDirectory: string | null): Promise<Pglite> {
  const files = packageFiles(PACKAGE)
  // Other threads compile the program while this one loads the package.
  const compiling = files === null ? null : compile(files.program)
  const { PGlite, MemoryFS } = await loadPackage()
  const path = files === null ? null : imagePath(files.version)
  const program = await compiling
  const common = { initDbStartParams: INITDB, ...(program === null ? {} : { pgliteWasmModule: program }) }

  /** A cluster in memory. It is copied from the image; without an image initdb makes it, and the image is made from it. */
  class Memory extends MemoryFS {
    readonly #image: ClusterImage | null
    readonly #keep: ((image: Uint8Array) => void) | null
    #isMade = false

    /** @param keep called with the new image, when `image` is null. */
    constructor(image: ClusterImage | null, keep: ((image: Uint8Array) => void) | null) {
      super()
      this.#image = image
      this.#keep = keep
    }

    override async initialSyncFs(): Promise<void> {
      const { Module } = this.pg
      mountMemoryFiles(Module, Module.ENV['PGDATA']!)
      this.#image?.layOutInMemory(Module)
    }

    override async syncToFs(): Promise<void> {
      // Only the first call gives an image of a new cluster. Later a server has changed the files.
      if (this.#image === null && !this.#isMade) this.#keep?.(imageOf(this.pg.Module))
      this.#isMade = true
    }

    override async closeFs(): Promise<void> {
      this.#image?.close()
      await super.closeFs()
    }
  }

  if (dataDirectory === null) {
    const image = path === null ? null : ClusterImage.open(path)
    try {
      return await create({ fs: new Memory(image, path === null ? null : (made) => store(path, made)) })
    } catch {
      // The package may have changed its hooks, or the image may be damaged. Then PGlite starts without an image,
      // which is slower, and reports its own error.
      image?.close()
      if (path !== null) forget(path)
      return create({})
    }
  }
  const state = inspectDataDirectory(dataDirectory, isLockFile, files === null ? null : serverMajor(files.program))
  if (state === 'database') return create({ dataDir: dataDirectory })
  const image = (path === null ? null : wholeImage(path)) ?? (await makeImage().catch(() => null))
  try {
    if (image !== null) image.layOutOnDisk(dataDirectory)
    else if (state === 'empty') writeFileSync(join(dataDirectory, UNFINISHED), '')
    else throw unfinished(dataDirectory)
  } catch (cause) {
    throw folderError(dataDirectory, cause)
  } finally {
    image?.close()
  }
  const database = await create({ dataDir: dataDirectory })
  rmSync(join(dataDirectory, UNFINISHED), { force: true })
  return database

  async function create(options: PgliteOptions): Promise<Pglite> {
    const log = new ServerLog()
    try {
      const database = await PGlite.create({ ...common, ...options, onStderr: (text) => log.add(text) })
      refusePrograms(database)
      return database
    } catch (cause) {
      throw log.startError(dataDirectory, cause)
    }
  }

  async function makeImage(): Promise<ClusterImage | null> {
    let image: ClusterImage | null = null
    const keep = (made: Uint8Array): void => {
      if (path !== null) store(path, made)
      image = ClusterImage.from(made)
    }
    const maker = await PGlite.create({ ...common, fs: new Memory(null, keep) })
    await maker.close()
    return image
  }
}

function unfinished(directory: string): OperationalError {
  return new OperationalError(`the data directory "${directory}" holds a new database that was not finished`, {
    hint: 'empty the directory, or name another one',
  })
}

function store(path: string, image: Uint8Array): void {
  try {
    storeImage(path, image)
  } catch {
    // The folder cannot be written to, so the next start will be as slow as this one.
  }
}

/** Removes a damaged image. If that is not permitted, each start finds the damage again. */
function forget(path: string): void {
  try {
    rmSync(path, { force: true })
  } catch {
    // The folder belongs to another user, or the path is not a file.
  }
}

/** Opens the stored image, and removes it if it is damaged. @returns null when there is none */
function wholeImage(path: string): ClusterImage | null {
  const image = ClusterImage.open(path)
  if (image === null || image.isWhole()) return image
  image.close()
  forget(path)
  return null
}

/** Compiles PGlite's program. @returns null when that fails; the package then compiles it itself and reports the error */
async function compile(program: Uint8Array): Promise<object | null> {
  const { WebAssembly: engine } = globalThis as unknown as WithCompiler
  try {
    return await engine.compile(program)
  } catch {
    return null
  }
}

async function loadPackage(): Promise<PgliteModule> {
  try {
    return (await import(PACKAGE)) as PgliteModule
  } catch (cause) {
    const code = String((cause as NodeJS.ErrnoException).code)
    const isMissing = code.endsWith('MODULE_NOT_FOUND')
    const reason = isMissing ? '' : `: ${cause instanceof Error ? cause.message : String(cause)}`
    throw new OperationalError(
      `an embedded database needs the package ${PACKAGE}, which could not be loaded${reason}`,
      {
        hint: isMissing
          ? `npm install ${PACKAGE}`
          : (HINTS.get(code) ?? 'remove the cause, then start the program again'),
        cause,
      },
    )
  }
}

// Hints for errors other than a missing package. In all cases the program must be started again, because Node does not try
// again to load a package that failed to load in this thread.
const HINTS: ReadonlyMap<string, string> = new Map([
  // PGlite imports parts of itself, so `require` would fail as well.
  [
    'ERR_VM_DYNAMIC_IMPORT_CALLBACK_MISSING_FLAG',
    'jest runs CommonJS without import(): start it with NODE_OPTIONS=--experimental-vm-modules, or use the blocking syncpg, ' +
      'whose embedded database runs in a thread outside of jest',
  ],
])
