/**
 * The text that `\password` sends in place of a password, so that the server's logs and statistics never contain the password.
 * Source of truth: RFC 5803 and PostgreSQL, src/common/scram-common.c (scram_build_secret); for md5, the manual's "pg_authid".
 */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'

const ITERATIONS = 4096
const SALT_BYTES = 16
const KEY_BYTES = 32

/**
 * @param encryption the server's `password_encryption`
 * @returns the password itself when it has characters that SASLprep may change, which only the server can prepare.
 */
export function passwordVerifier(user: string, password: string, encryption: string): string {
  if (encryption === 'md5') return `md5${createHash('md5').update(password).update(user).digest('hex')}`
  if (!/^[\x20-\x7e]+$/.test(password)) return password
  const salt = randomBytes(SALT_BYTES)
  const salted = pbkdf2Sync(password, salt, ITERATIONS, KEY_BYTES, 'sha256')
  const keyOf = (word: string): Buffer => createHmac('sha256', salted).update(word).digest()
  const stored = createHash('sha256').update(keyOf('Client Key')).digest('base64')
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString('base64')}$${stored}:${keyOf('Server Key').toString('base64')}`
}
