/**
 * Runs the reader's code beside the page: the async API of the driver, and PostgreSQL (PGlite) in memory. A loop without an end
 * stops this worker only, and the page starts another one. Gets `{ code }`; posts `{ kind, … }` for what is printed.
 */
import * as syncpg from '../../../src-async/index.ts'
import { asText, asTable } from './show.mjs'

/** What the door exports, under names that the reader's code finds. */
const door = { ...syncpg }
const AsyncFunction = (async () => {}).constructor
const NAMES = Object.keys(door).filter((name) => name !== 'Error' && name !== 'default')

let opened = null

/** One connection for all runs, so that what one has created the next finds. */
function connection() {
  opened ??= syncpg.connect('pglite:')
  return opened
}

const post = (message) => globalThis.postMessage(message)

function print(...values) {
  const table = values.length === 1 ? asTable(values[0]) : null
  post(table === null ? { kind: 'text', text: values.map(asText).join(' ') } : { kind: 'table', ...table })
}

const console = { ...globalThis.console, log: print, info: print, warn: print, error: print, table: print }

async function run(code) {
  const startedAtMs = performance.now()
  try {
    const con = await connection()
    // What the last run has left open or listens to ends here; its tables stay.
    await con.reset()
    const body = code.replaceAll(/^import .*$/gm, '')
    const result = await new AsyncFunction('con', 'console', 'syncpg', ...NAMES, `{ ${body}\n }`)(
      con,
      console,
      door,
      ...NAMES.map((name) => door[name]),
    )
    if (result !== undefined) print(result)
  } catch (error) {
    post({ kind: 'error', text: `${error.name}: ${error.message}` })
  }
  post({ kind: 'done', milliseconds: Math.round(performance.now() - startedAtMs) })
}

globalThis.addEventListener('message', ({ data }) => void run(data.code))
connection().then(
  (con) => post({ kind: 'ready', version: con.getServerVersion().text }),
  (error) => post({ kind: 'failed', text: `${error.message}` }),
)
