// ORMs, job queues and other tools, each with a program of `programs/` that prints its results: once over `pg`, and
// once over `syncpg/pg`. Both outputs have to be the same. No checkout is needed. The tools come from npm into two
// folders; in the second the package of docs/guides/pg.md stands in the place of `pg`, for those that import it
// themselves.
import { execFileSync, spawn } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { connect } from '../../../../dist/async.js'
import { installNode } from '../../install-node.mjs'

export const needsCheckout = false

const PROGRAMS = fileURLToPath(new URL('../programs', import.meta.url))
const GUIDE = new URL('../../../../docs/guides/pg.md', import.meta.url)
const LIMIT_MS = 60_000
/** The tools that the programs use. `via.mjs` is shared by all programs. */
const names = readdirSync(PROGRAMS)
  .filter((name) => name.endsWith('.mjs') && name !== 'via.mjs')
  .map((name) => name.replace('.mjs', ''))

export async function run({ folder, dsn, only, tarball }) {
  // MikroORM, pg-boss and Kysely 0.29 need Node 22 or later.
  const node = Number(process.versions.node.split('.')[0]) >= 24 ? process.execPath : installNode('24').path
  const homes = { pg: join(folder, 'pg'), syncpg: join(folder, 'syncpg') }
  for (const [via, home] of Object.entries(homes)) prepare(home, tarball, via === 'syncpg', node)
  const rows = []
  for (const name of names.filter((name) => name.includes(only))) {
    const theirs = await runProgram(node, homes.pg, name, 'pg', dsn)
    const ours = await runProgram(node, homes.syncpg, name, 'syncpg', dsn)
    const isSame = theirs.status === 0 && ours.status === 0 && theirs.stdout === ours.stdout
    const output = `over pg (${theirs.status}):\n${theirs.output}\nover syncpg (${ours.status}):\n${ours.output}`
    const failures = isSame ? [] : [{ name: 'another output', output }]
    rows.push({ suite: `${name}, as over pg`, total: 1, passed: isSame ? 1 : 0, failures })
  }
  return rows
}

function prepare(home, tarball, isOurs, node) {
  cpSync(PROGRAMS, home, { recursive: true, filter: (path) => !path.endsWith('node_modules') })
  const manifest = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'))
  manifest.dependencies.syncpg = `file:${tarball}`
  if (isOurs) {
    writeStandIn(join(home, 'pg-by-syncpg'))
    manifest.dependencies.pg = 'file:./pg-by-syncpg'
    manifest.overrides = { pg: '$pg' }
  }
  writeFileSync(join(home, 'package.json'), JSON.stringify(manifest, null, 2))
  const flags = ['--no-audit', '--no-fund', '--prefer-offline', '--silent', '--ignore-scripts', '--legacy-peer-deps']
  execFileSync('npm', ['install', ...flags], {
    cwd: home,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: environment(node),
  })
  // The command would download an engine, which is not needed to generate the client.
  const env = { ...environment(node), PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: '1' }
  execFileSync('npx', ['prisma', 'generate'], { cwd: home, stdio: ['ignore', 'ignore', 'inherit'], env })
}

/** Writes the package that the guide describes: each block whose first line names a file of it. */
function writeStandIn(folder) {
  const blocks = readFileSync(GUIDE, 'utf8').matchAll(/`pg-by-syncpg\/([\w./]+)`[^\n]*:\n\n```\w+\n([^]*?)^```$/gm)
  for (const [, name, text] of blocks) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
}

function environment(node) {
  return { ...process.env, PATH: `${dirname(node)}:${process.env.PATH}`, NODE_OPTIONS: '', NO_COLOR: '1' }
}

async function runProgram(node, home, name, via, dsn) {
  const con = await connect(dsn)
  await con.execute('drop database if exists tools with (force)')
  await con.execute('create database tools')
  await con.close()
  const url = new URL(dsn)
  url.pathname = '/tools'
  const env = { ...environment(node), VIA: via, DATABASE_URL: url.href }
  return new Promise((resolve) => {
    const child = spawn(node, [`${name}.mjs`], { cwd: home, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let stdout = ''
    let output = ''
    child.stdout.on('data', (chunk) => {
      stdout += chunk
      output += chunk
    })
    child.stderr.on('data', (chunk) => void (output += chunk))
    const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS)
    child.on('close', (status) => {
      clearTimeout(timer)
      resolve({ status: status ?? -1, stdout, output: output.slice(-3000) })
    })
  })
}
