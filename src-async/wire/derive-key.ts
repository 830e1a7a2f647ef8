/**
 * PBKDF2 in the pool of threads, so that a server that asks for millions of iterations holds up nobody but itself.
 */
import { pbkdf2 } from 'node:crypto'
import type { DeriveKey } from './protocol/authentication.ts'
import { saslprep } from './protocol/saslprep.ts'

const KEY_BYTES = 32

export const deriveKey: DeriveKey = (password, { salt, iterations }, done) => {
  pbkdf2(saslprep(password), salt, iterations, KEY_BYTES, 'sha256', done)
}
