/**
 * The template of a data directory: initdb makes it once for each major version, with the test roles, and each server
 * gets a copy. A copy takes a tenth of initdb's time. The template is in node_modules/.cache, so `npm ci` removes it.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chownSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { serverAccount } from './postgres-binaries.ts'
import type { PostgresBinaries, PostgresMajor, ServerAccount } from './postgres-binaries.ts'

/**
 * A role that every test server has. `hba` is its authentication method over TCP. Over the Unix socket the server
 * trusts all users.
 */
export interface TestRole {
  readonly user: string
  readonly password: string
}

/** The roles of every test server. */
export const TEST_ROLES = {
  postgres: { user: 'postgres', password: 'postgres-secret' },
  trust: { user: 'u_trust', password: '' },
  password: { user: 'u_password', password: 'cleartext-secret' },
  md5: { user: 'u_md5', password: 'md5-secret' },
  scram: { user: 'u_scram', password: 'scram-secret' },
  /** The password has characters that SASLprep (RFC 4013) replaces: a soft hyphen and a non-ASCII space. */
  scramUnicode: { user: 'u_scram_unicode', password: 'I\u00ADX p\u00E4ss\u00A0w\u00F6rd' },
  reject: { user: 'u_reject', password: 'reject-secret' },
  /** TLS servers only: logs in with the client certificate. */
  certificate: { user: 'u_cert', password: '' },
  /** TLS servers only: refused without TLS. */
  tlsOnly: { user: 'u_sslonly', password: 'tls-only-secret' },
  /** TLS servers only: refused with TLS. */
  plainOnly: { user: 'u_nossl', password: 'plain-only-secret' },
} as const satisfies Record<string, TestRole>

const cacheFolder = fileURLToPath(new URL('../../node_modules/.cache/syncpg-test-servers', import.meta.url))

/** Copies the template of a major version to `target`. Makes the template first if this checkout has none. */
export async function copyTemplate(binaries: PostgresBinaries, target: string): Promise<void> {
  const account = serverAccount()
  const template = await findOrMakeTemplate(binaries, account)
  await run('cp', ['-a', template, target])
}

/** Copies the data directory of a stopped server to `target`, marked as a standby's. */
export async function copyForStandby(data: string, target: string): Promise<void> {
  await run('cp', ['-a', data, target])
  writeFileSync(join(target, 'standby.signal'), '')
}

async function findOrMakeTemplate(binaries: PostgresBinaries, account: ServerAccount): Promise<string> {
  // The name contains a hash of the roles, so that a changed list makes a new template.
  const rolesHash = createHash('sha256').update(roleStatements(binaries.major)).digest('hex').slice(0, 8)
  const owner = account.uid ?? process.getuid?.() ?? 'user'
  const template = join(cacheFolder, `${binaries.version}-${owner}-${rolesHash}`)
  if (existsSync(template)) return template
  mkdirSync(cacheFolder, { recursive: true })
  const workFolder = mkdtempSync(join(tmpdir(), 'syncpg-initdb-'))
  try {
    if (account.uid !== undefined && account.gid !== undefined) chownSync(workFolder, account.uid, account.gid)
    const data = join(workFolder, 'data')
    const passwordFile = join(workFolder, 'password')
    writeFileSync(passwordFile, `${TEST_ROLES.postgres.password}\n`, { mode: 0o644 })
    const initdbOptions = ['-D', data, '-U', 'postgres', '-A', 'scram-sha-256', `--pwfile=${passwordFile}`]
    await run(binaries.initdb, [...initdbOptions, '-E', 'UTF8', '--locale=C', '-N'], account)
    await run(binaries.postgres, ['--single', '-F', '-D', data, 'postgres'], account, roleStatements(binaries.major))
    // The copy is made under another name and then moved, so that no other process sees half a template.
    const partial = `${template}.${process.pid}`
    await run('cp', ['-a', data, partial])
    if (existsSync(template)) rmSync(partial, { recursive: true, force: true })
    else renameSync(partial, template)
  } finally {
    rmSync(workFolder, { recursive: true, force: true })
  }
  return template
}

/** Single-user mode wants one statement in each line. */
function roleStatements(major: PostgresMajor): string {
  const lines: string[] = []
  if (major >= 16) {
    // Most sessions of the tests are the superuser's, and each computes the key anew. The other roles keep the default.
    lines.push('set scram_iterations = 1', `alter role postgres password '${TEST_ROLES.postgres.password}'`)
    lines.push('reset scram_iterations')
  }
  for (const { user, password } of Object.values<TestRole>(TEST_ROLES)) {
    if (user === 'postgres') continue
    lines.push(`set password_encryption = '${user === 'u_md5' ? 'md5' : 'scram-sha-256'}'`)
    lines.push(`create role ${user} login ${password === '' ? '' : `password '${password}'`}`)
  }
  lines.push('grant create on schema public to public')
  return `${lines.join('\n')}\n`
}

function run(file: string, args: readonly string[], account: ServerAccount = {}, input?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { ...account, cwd: tmpdir(), timeout: 120_000, maxBuffer: 16 * 1024 * 1024 }
    const child = execFile(file, args, options, (error, stdout, stderr) => {
      const hasFailed = error !== null || /^\S.*(ERROR|FATAL|PANIC):/m.test(input === undefined ? '' : stderr)
      if (hasFailed) reject(new Error(`${file} ${args.join(' ')} failed: ${error?.message ?? ''}\n${stdout}${stderr}`))
      else resolve(stdout)
    })
    child.stdin?.end(input)
  })
}
