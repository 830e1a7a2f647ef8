/** The output for an uncaught error: at most a dozen lines, which say what happened and where. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'

import * as db from 'syncpg'
import { expect, test } from 'vitest'

import { sharedServer } from '../../support/shared-server.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))

/** The lines that Node prints for the error, without blank lines and those of the source and of Node's version. */
function printed(program: string, env: NodeJS.ProcessEnv = {}): Promise<string[]> {
  const source = `import * as db from 'syncpg'\nimport * as later from 'syncpg/async'\n${program}`
  const options = { cwd: root, env: { ...process.env, NO_COLOR: '1', NODE_OPTIONS: '', ...env }, timeout: 30_000 }
  return new Promise((resolve) => {
    execFile(process.execPath, ['--input-type=module', '-e', source], options, (_error, _stdout, stderr) => {
      const lines = stderr.split('\n')
      const first = lines.findIndex((line) => /^\w*Error:/.test(line))
      resolve(
        lines
          .slice(
            first,
            lines.findLastIndex((line) => line.startsWith('Node.js')),
          )
          .filter((line) => line !== ''),
      )
    })
  })
}

const dsn = JSON.stringify(sharedServer().dsn({ transport: 'unix' }))
const NOWHERE = "'postgres://localhost:1,127.0.0.1:2,127.0.0.1:3/x'"

test.each([
  ['a refused connection', `db.connect(${NOWHERE})`, /^OperationalError: connection to server at "127.0.0.1", port 3/],
  [
    'a refused connection of the async API',
    `await later.connect(${NOWHERE})`,
    /^OperationalError: connection to server/,
  ],
  [
    'a value that does not fit',
    `db.connect(${dsn}).execute('select %s::int4', ['x'])`,
    /^DataError: query argument \$1/,
  ],
  ['an element', `db.connect(${dsn}).executemany('select %s::int4', [[1], [2n ** 60n]])`, /^DataError: element #1/],
  [
    'a value, in the async API',
    `const con = await later.connect(${dsn}); await con.fetch('select $1::int4', [2n ** 60n])`,
    /^DataError: query argument \$1/,
  ],
  ['a text that is no statement', `db.connect(${dsn}).execute('selec 1')`, /^PostgresSyntaxError: syntax error/],
])('%s prints at most a dozen lines', async (_what, program, words) => {
  const lines = await printed(program)
  expect(lines[0]).toMatch(words)
  expect(lines.slice(14)).toEqual([])
  expect(lines.join('\n')).not.toMatch(/attempt|encodeArguments|errno/)
})

test('a program can read the attempts to connect', () => {
  let failure: unknown
  try {
    db.connect('postgres://localhost:1,127.0.0.1:2/x')
  } catch (error) {
    failure = error
  }
  const { cause } = failure as { cause: AggregateError }
  expect(cause.errors.map((each: { cause: { code: string } }) => each.cause.code)).toContain('ECONNREFUSED')
})

test.each(['db.connect(process.env.DATABASE_URL)', 'await later.connect(process.env.DATABASE_URL)'])(
  '%s says so if the variable is empty',
  async (program) => {
    const env = { DATABASE_URL: '', PGHOST: '', PGPORT: '', PGHOSTADDR: '', PGSERVICE: '', PGUSER: 'nobody_knows' }
    const [first] = await printed(program, env)
    expect(first).toMatch(/^\w+: no DSN was given, so the default place was tried: /)
  },
)
