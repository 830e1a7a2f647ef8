/** One owner per data directory of the embedded server: across containers, processes and threads, and after a crash. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'

import { buildSync } from 'esbuild'
import { describe, expect, onTestFinished, test } from 'vitest'

import { connect } from 'syncpg/async'

import { OperationalError } from '../../../src-async/errors/tree.ts'
import { LOCK_FILE, isLockFile, lockDataDirectory } from '../../../src-async/wire/embedded/lock.ts'
import { type LockOwner, whereabouts } from '../../../src-async/wire/embedded/lock-owner.ts'
import { OwnerSocket, askSocket } from '../../../src-async/wire/embedded/owner-socket.ts'
import { IN_CONTAINER, hasNamespaces } from '../../support/namespaces.ts'
import { runScript } from '../../support/run-script.ts'
import { failureOfAsync } from '../../support/failure-of.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { QUICK_WASM } from '../../support/quick-wasm.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))

const folder = (): string => temporaryFolder('lock')

const ASYNC = `
  import { connect } from 'syncpg/async'
  const [directory, sql] = process.argv.slice(1)
  try {
    const session = await connect('pglite:' + directory)
    await session.execute(sql)
    console.log('in')
    process.stdin.on('end', () => session.close()).resume()
  } catch (error) {
    console.log(error.name + ': ' + error.message)
  }`
const BLOCKING = `
  import { connect } from 'syncpg'
  import { readFileSync } from 'node:fs'
  const [directory, sql] = process.argv.slice(1)
  try {
    const con = connect('pglite:' + directory, { autocommit: true })
    con.execute(sql)
    console.log('in')
    readFileSync(0)
    con.close()
  } catch (error) {
    console.log(error.name + ': ' + error.message)
  }`

interface Contender {
  readonly process: ChildProcess
  /** Either `in`, or the error of the process. */
  readonly answer: string
  readonly ended: Promise<unknown>
  /** Ends the process as kill -9 does. */
  kill(): Promise<unknown>
  /** Lets it close its connection. */
  close(): Promise<unknown>
}

/** Starts a process that connects to a directory and keeps the connection. */
async function contend(
  directory: string,
  options: { source?: string; wrap?: readonly string[]; sql?: string } = {},
): Promise<Contender> {
  const { source = ASYNC, wrap = [], sql = 'select 1' } = options
  const [command, ...args] = [
    ...wrap,
    process.execPath,
    QUICK_WASM,
    '--input-type=module',
    '--eval',
    source,
    '--',
    directory,
    sql,
  ]
  const child = spawn(command!, args, { cwd: root, stdio: ['pipe', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const ended = once(child, 'close')
  const lines = createInterface(child.stdout!)
  const answer = await new Promise<string>((resolve) => {
    lines.once('line', resolve)
    lines.once('close', () => resolve('no answer'))
  })
  return {
    process: child,
    answer,
    ended,
    kill() {
      child.kill('SIGKILL')
      return ended
    },
    close() {
      child.stdin!.end()
      return ended
    },
  }
}

describe.skipIf(!hasNamespaces)('containers that share a volume', () => {
  test.each([
    ['async', ASYNC],
    ['blocking', BLOCKING],
  ])(
    "do not both open the database, and the first one's commits stay (%s)",
    { timeout: 90_000 },
    async (_face, source) => {
      const directory = folder()
      const first = await contend(directory, { wrap: IN_CONTAINER, sql: 'create table kept as select 5 as a' })
      const second = await contend(directory, { wrap: IN_CONTAINER, source, sql: 'drop table if exists kept' })
      const outside = await contend(directory, { source })
      await first.close()
      expect(first.answer).toBe('in')
      for (const { answer } of [second, outside]) {
        expect(answer).toMatch(
          /^OperationalError: the data directory ".*" is in use by process \d+ of another container/,
        )
      }
      const session = await connect(`pglite:${directory}`)
      expect(await session.fetchval('select a from kept')).toBe(5)
      await session.close()
    },
  )

  test('do not both get it if each has the volume under another path', async () => {
    const [volume, mount] = [folder(), folder()]
    const first = await contend(volume, { wrap: IN_CONTAINER })
    const wrap = [...IN_CONTAINER, 'sh', '-c', `mount --bind ${volume} ${mount} && exec "$@"`, 'sh']
    const second = await contend(mount, { wrap })
    expect([first.answer, second.answer]).toEqual(['in', expect.stringMatching(/in use by process/)])
    await first.close()
  })

  test('get a volume whose owner was killed, from inside or from outside', { timeout: 90_000 }, async () => {
    const directory = folder()
    const first = await contend(directory, { wrap: IN_CONTAINER, sql: 'create table kept as select 5 as a' })
    await first.kill()
    expect(existsSync(join(directory, LOCK_FILE))).toBe(true)
    const second = await contend(directory, { wrap: IN_CONTAINER, sql: 'update kept set a = a + 1' })
    await second.kill()
    const session = await connect(`pglite:${directory}`)
    expect([first.answer, second.answer, await session.fetchval('select a from kept')]).toEqual(['in', 'in', 6])
    await session.close()
    expect(readdirSync(directory).filter(isLockFile)).toEqual([])
  })

  test('get a volume whose owner exited without closing', async () => {
    const directory = folder()
    const source = `
      import { connect } from 'syncpg/async'
      await (await connect('pglite:' + process.argv[1])).execute('select 1')
      console.log('in')
      process.exit()`
    const first = await contend(directory, { wrap: IN_CONTAINER, source })
    await first.ended
    const second = await contend(directory, { wrap: IN_CONTAINER })
    expect([first.answer, second.answer]).toEqual(['in', 'in'])
    await second.close()
  })
})

describe('a data directory', () => {
  test('stays with an owner that is stopped or blocks its event loop', async () => {
    const directory = folder()
    const owner = await contend(directory)
    owner.process.kill('SIGSTOP')
    const second = await contend(directory)
    owner.process.kill('SIGCONT')
    expect(second.answer).toContain(`is in use by process ${owner.process.pid}`)
    await owner.close()
  })

  test('goes to one of both APIs and one of several threads in a process', async () => {
    const source = `
      import { connect } from 'syncpg/async'
      import * as db from 'syncpg'
      const dsn = 'pglite:${folder()}'
      const errorOf = async (attempt) => { try { await attempt() } catch (error) { return error.message } }
      const con = db.connect(dsn)
      console.log(await errorOf(() => connect(dsn)))
      console.log(await errorOf(() => db.connect(dsn)))
      con.close()
      const session = await connect(dsn)
      console.log(await errorOf(() => db.connect(dsn)))
      await session.close()
      db.connect(dsn).close()`
    const { stdout, stderr } = await runScript(source, { timeoutMs: 60_000 })
    expect(stdout + stderr).toMatch(/^(?:the data directory ".*" is in use by this process\nHINT: .*\n){3}$/)
  })

  test('is free after its thread was terminated without closing', async () => {
    const directory = folder()
    const source = `
      import { Worker } from 'node:worker_threads'
      import { once } from 'node:events'
      import { connect } from 'syncpg/async'
      const program = \`
        Promise.all([import('syncpg/async'), import('node:worker_threads')]).then(async ([{ connect }, { parentPort }]) => {
          await (await connect('pglite:${directory}')).execute('select 1')
          parentPort.postMessage('in')
          setInterval(() => {}, 1000)
        })\`
      const worker = new Worker(program, { eval: true })
      await once(worker, 'message')
      await worker.terminate()
      await (await connect('pglite:${directory}')).close()
      console.log('in')`
    const { stdout, stderr } = await runScript(source, { timeoutMs: 60_000 })
    expect([stdout, stderr]).toEqual(['in\n', ''])
  })

  test('has the same lock under a path too long for a socket', async () => {
    const directory = join(folder(), 'n'.repeat(100), 'data')
    const owner = await contend(directory)
    const lock = JSON.parse(readFileSync(join(directory, LOCK_FILE), 'utf8')) as LockOwner
    expect(process.platform !== 'linux' || (await askSocket(directory, lock.socket!))).toBe(
      process.platform !== 'linux' || 'listening',
    )
    const second = await contend(directory)
    expect([owner.answer, second.answer]).toEqual(['in', expect.stringContaining('in use by process')])
    await owner.kill()
    const third = await contend(directory)
    expect(third.answer).toBe('in')
    await third.close()
  })

  test(
    'goes to one thread at a time when many race for a lock that its owner left behind',
    { timeout: 90_000 },
    async () => {
      const [directory, scratch] = [folder(), folder()]
      const file = join(scratch, 'lock.mjs')
      buildSync({
        entryPoints: [fileURLToPath(new URL('../../../src-async/wire/embedded/lock.ts', import.meta.url))],
        outfile: file,
        bundle: true,
        platform: 'node',
        format: 'esm',
      })
      // Each process ends without releasing the lock, after it has had the directory for a while.
      const program = `
      const { lockDataDirectory } = await import('${pathToFileURL(file).href}')
      const { openSync, closeSync, rmSync } = await import('node:fs')
      for (;;) {
        const lock = await lockDataDirectory(${JSON.stringify(directory)}).catch((error) => error)
        if (lock instanceof Error) {
          if (!/in use by this process/.test(lock.message)) throw lock
          continue
        }
        const mark = ${JSON.stringify(join(scratch, 'alone'))}
        closeSync(openSync(mark, 'wx'))
        const end = performance.now() + 3
        while (performance.now() < end);
        rmSync(mark)
        break
      }
      process.exit()`
      const racers = Array.from({ length: 16 }, () => {
        const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(program)}`))
        return Promise.race([
          once(worker, 'exit'),
          once(worker, 'error').then(([error]) => Promise.reject(error as Error)),
        ])
      })
      expect((await Promise.all(racers)).map(([code]) => code as number)).toEqual(racers.map(() => 0))
      ;(await lockDataDirectory(directory)).release()
      expect(readdirSync(directory)).toEqual([])
    },
  )
})

describe('a lock', () => {
  /** A directory with a lock whose owner is this process, except for the given changes. */
  function locked(change: Partial<LockOwner>): { directory: string; path: string } {
    const directory = folder()
    const owner: LockOwner = { token: '00ff', socket: null, ...whereabouts(directory), ...change }
    if (owner.socket !== null && owner.socket !== 'missing.sock') {
      // The kernel refuses a connection to a socket file without a listener.
      writeFileSync(join(directory, owner.socket), '')
    }
    const path = join(directory, LOCK_FILE)
    writeFileSync(path, JSON.stringify(owner))
    return { directory, path }
  }
  const deadPid = (): number => spawnSync(process.execPath, ['-e', '']).pid
  const NFS = 0x6969
  const socket = 'syncpg-00ff.sock'

  test('is removed at its release, with all its files', async () => {
    const directory = folder()
    const lock = await lockDataDirectory(directory)
    expect(JSON.parse(readFileSync(join(directory, LOCK_FILE), 'utf8'))).toMatchObject({ pid: process.pid })
    lock.release()
    expect(readdirSync(directory)).toEqual([])
  })

  test.each<[string, () => Partial<LockOwner>]>([
    ['a dead process', () => ({ pid: deadPid() })],
    ['a process that had our number before', () => ({ start: '1' })],
    ['a process before the machine started anew', () => ({ system: 'another boot', pidSpace: 'another', socket })],
    ['a container that is gone', () => ({ pidSpace: 'another', socket })],
    [
      'a container that is gone, on a file system of several machines',
      () => ({ pidSpace: 'another', socket, fileSystem: NFS }),
    ],
  ])('of %s is taken over', async (_who, change) => {
    const { directory } = locked(change())
    ;(await lockDataDirectory(directory)).release()
    expect(readdirSync(directory).filter((name) => name !== socket)).toEqual([])
  })

  test('is taken over if a process died while it took the lock over', async () => {
    const { directory, path } = locked({ pid: deadPid() })
    const claim: LockOwner = { token: '0a0a', socket: null, ...whereabouts(directory), pid: deadPid() }
    writeFileSync(`${path}.00ff`, JSON.stringify(claim))
    ;(await lockDataDirectory(directory)).release()
    expect(readdirSync(directory)).toEqual([])
  })

  test.each<[string, Partial<LockOwner>, RegExp]>([
    ['a living process', { pid: process.ppid, start: null }, /is in use by process \d+$/m],
    [
      'another machine',
      { system: 'another', pidSpace: 'another', socket, fileSystem: NFS },
      /cannot find out whether that one has ended/,
    ],
    [
      'another machine that sees a local disk',
      { system: 'another', socket, fileSystem: 0xef53 + 1 },
      /cannot find out whether that one has ended/,
    ],
    ['another container without a socket', { pidSpace: 'another' }, /cannot find out whether that one has ended/],
    [
      'another container whose socket is missing',
      { pidSpace: 'another', socket: 'missing.sock' },
      /cannot find out whether that one has ended/,
    ],
    [
      'another mount of a shared file system',
      { pidSpace: 'another', socket, fileSystem: NFS, device: '0' },
      /cannot find out whether that one has ended/,
    ],
  ])('of %s stays, and the error names its file', async (_who, change, words) => {
    const { directory, path } = locked(change)
    const before = readFileSync(path, 'utf8')
    const error = await failureOfAsync(lockDataDirectory(directory))
    expect(error).toBeInstanceOf(OperationalError)
    expect(error.message).toMatch(words)
    expect(error.message).toContain(`remove "${path}"`)
    expect(readFileSync(path, 'utf8')).toBe(before)
    rmSync(path)
    ;(await lockDataDirectory(directory)).release()
  })

  test.each(['rubbish', '', '{}', 'null', '{"token":"../../x","pid":1,"socket":null}'])(
    'with the content %j stays, and the error names its file',
    async (content) => {
      const { directory, path } = locked({})
      writeFileSync(path, content)
      const error = await failureOfAsync(lockDataDirectory(directory))
      expect(error.message).toContain('cannot be understood')
      expect(error.message).toContain(`remove "${path}"`)
      expect(readFileSync(path, 'utf8')).toBe(content)
    },
  )

  test('clears sockets and claims that ended processes left, and no others', async () => {
    const directory = folder()
    writeFileSync(join(directory, 'syncpg-0123.sock'), '')
    writeFileSync(join(directory, `${LOCK_FILE}.0123`), '')
    writeFileSync(join(directory, 'syncpg.notes'), '')
    mkdirSync(join(directory, 'base'))
    const living = await OwnerSocket.open(directory, 'syncpg-4567.sock')
    ;(await lockDataDirectory(directory)).release()
    expect(readdirSync(directory).toSorted()).toEqual(['base', 'syncpg-4567.sock', 'syncpg.notes'])
    living!.close()
  })

  test('is the same for a directory and a symbolic link to it, also a relative one', async () => {
    const parent = folder()
    const directory = join(parent, 'data')
    mkdirSync(directory)
    symlinkSync('data', join(parent, 'alias'))
    const owner = await contend(directory)
    const second = await contend(join(parent, 'alias'))
    expect([owner.answer, second.answer]).toEqual(['in', expect.stringContaining('in use by process')])
    await owner.close()
    const third = await contend(join(parent, 'alias'))
    expect(third.answer).toBe('in')
    await third.close()
  })
})
