/**
 * `spawnSync('psql')`: a process and a connection for each statement, as in many scripts that block without a client.
 */
import { spawnSync } from 'node:child_process'
import { libpqEnvironment } from '../support/node-script.mjs'
import { psqlProgram } from '../support/psql-program.mjs'

export async function open(target) {
  const env = { ...process.env, ...libpqEnvironment(target) }
  const program = psqlProgram()
  const run = (words) => {
    const { status, stdout, stderr, error } = spawnSync(program, words, { env, encoding: 'utf8' })
    if (status !== 0) throw new Error(error?.message ?? stderr)
    return stdout.trimEnd()
  }
  return {
    isBlocking: true,
    version: () => run(['--version']).replace(' (PostgreSQL)', ''),
    one(sql) {
      const [names, values] = run(['-X', '--csv', '-c', sql]).split('\n', 2)
      const cells = values.split(',')
      return Object.fromEntries(names.split(',').map((name, i) => [name, Number(cells[i])]))
    },
    close() {},
  }
}
