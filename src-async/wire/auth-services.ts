/** What authentication needs that is not a conversation: the pool of threads, and the system's Kerberos. */
import { pbkdf2 } from 'node:crypto'
import { openKerberos } from './kerberos.ts'
import type { AuthServices, DeriveKey } from './protocol/authentication.ts'
import { saslprep } from './protocol/saslprep.ts'

const KEY_BYTES = 32

/** PBKDF2 in the pool of threads, so that a server that asks for millions of iterations holds up nobody but itself. */
const deriveKey: DeriveKey = (password, { salt, iterations }, done) => {
  pbkdf2(saslprep(password), salt, iterations, KEY_BYTES, 'sha256', done)
}

export const authServices: AuthServices = { deriveKey, openGss: openKerberos }
