/**
 * Finds a Node that has node:sqlite: the running one, or one from npm, which is kept for the next run. Makes and reads
 * files of SQLite with it.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, renameSync, rmSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const cache = fileURLToPath(new URL('../../node_modules/.cache/sqlite-node', import.meta.url))

/** The path of the program; null if none can be installed. */
export const sqliteNode: string | null = hasSqlite() ? process.execPath : installedNode()

/**
 * Two test files may run this at the same time. Each installs into a folder of its own, and the first one renames its
 * folder to the final name.
 */
function installedNode(): string | null {
  const path = join(cache, 'node_modules', 'node', 'bin', 'node')
  if (existsSync(path)) return path
  const fresh = `${cache}-${process.pid}`
  try {
    execFileSync('npm', ['install', '--no-save', '--prefix', fresh, 'node@24'], { stdio: 'pipe' })
    if (!existsSync(cache)) renameSync(fresh, cache)
  } catch (error) {
    process.stdout.write(`Node 24 cannot be installed here: ${(error as Error).message.split('\n')[0]}\n`)
  }
  rmSync(fresh, { recursive: true, force: true })
  return existsSync(path) ? path : null
}

function hasSqlite(): boolean {
  return builtinModules.includes('node:sqlite') || Number(process.versions.node.split('.')[0]) >= 24
}

function runSqlite(script: string, ...words: string[]): string {
  const options = { encoding: 'utf8' as const, maxBuffer: 2 ** 26, env: { ...process.env, NODE_OPTIONS: '' } }
  return execFileSync(sqliteNode!, ['--no-warnings', '--input-type=module', '-e', script, ...words], options)
}

/** Runs SQL in a file of SQLite, and makes the file if it does not exist. */
export function writeSqlite(path: string, sql: string): void {
  const script = `import { DatabaseSync } from 'node:sqlite'; new DatabaseSync(process.argv[1], { enableForeignKeyConstraints: false }).exec(process.argv[2])`
  runSqlite(script, path, sql)
}

/** All rows of all tables by table, in the order of their first columns. Blobs are hexadecimal, integers beyond 2⁵³ end in n. */
export function readSqlite(path: string): Record<string, Record<string, unknown>[]> {
  const script = `
    import { DatabaseSync } from 'node:sqlite'
    const db = new DatabaseSync(process.argv[1], { readOnly: true })
    const plain = (value) => typeof value === 'bigint' ? (Number.isSafeInteger(Number(value)) ? Number(value) : value + 'n')
      : value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value
    const found = {}
    for (const { name } of db.prepare("select name from sqlite_master where type = 'table' and name not like 'sqlite_%'").all()) {
      const statement = db.prepare('select * from "' + name + '" order by 1, 2')
      statement.setReadBigInts(true)
      found[name] = statement.all().map((row) => Object.fromEntries(Object.entries(row).map(([key, value]) => [key, plain(value)])))
    }
    process.stdout.write(JSON.stringify(found))`
  return JSON.parse(runSqlite(script, path)) as Record<string, Record<string, unknown>[]>
}
