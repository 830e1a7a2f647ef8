// Runs the tests that use a server with each major version of PostgreSQL: `npm run test:majors [-- 14 15 …]`. Installs
// those that `npm test` does not have into a folder of their own. Not part of `npm test`: it downloads, and takes two
// to four minutes for each. Other arguments, as files of tests, take the place of the usual ones.
import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const isMajor = (argument) => /^\d+$/.test(argument)
const given = process.argv.slice(2)
const majors = given.some(isMajor) ? given.filter(isMajor) : ['13', '14', '15', '16', '17', '18']

// All folders except those about something other than the server: other programs, documents, the embedded PostgreSQL,
// network faults.
const ELSEWHERE =
  /pglite|cli\/|docs\/|embedded\/|package\/|sqlite\/|terminal|first-hour|million-rows|pooler|kerberos|chaos-|standby/
const files = given.some((argument) => !isMajor(argument))
  ? given.filter((argument) => !isMajor(argument))
  : ['integration', 'parity', 'types'].flatMap((folder) =>
      readdirSync(new URL(`../${folder}`, import.meta.url), { recursive: true })
        .filter((name) => name.endsWith('.test.ts') && !ELSEWHERE.test(name))
        .map((name) => `test/${folder}/${name}`),
    )

const folder = fileURLToPath(new URL('majors', import.meta.url))
const install = ['install', '--no-package-lock', '--no-audit', '--no-fund', '--ignore-scripts']
execFileSync('npm', install, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] })

const summary = []
for (const major of majors) {
  const startedMs = performance.now()
  const { status } = spawnSync('npx', ['vitest', 'run', '--project', 'server', ...files], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, SYNCPG_TEST_MAJOR: major },
  })
  const seconds = Math.round((performance.now() - startedMs) / 1000)
  summary.push(`PostgreSQL ${major}: ${status === 0 ? 'passed' : 'FAILED'}, ${seconds} s\n`)
  if (status !== 0) process.exitCode = 1
}
process.stdout.write(summary.join(''))
