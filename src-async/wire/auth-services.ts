/** Services for authentication that do more than exchange messages: hashing in the thread pool, and the system's Kerberos. */
import { pbkdf2 } from 'node:crypto'
import { openKerberos } from './kerberos.ts'
import type { AuthServices, DeriveKey } from './protocol/authentication.ts'
import { saslprep } from './protocol/saslprep.ts'

const KEY_BYTES = 32

/** PBKDF2 in Node's thread pool, so that millions of iterations do not block the event loop. */
const deriveKey: DeriveKey = (password, { salt, iterations }, done) => {
  pbkdf2(saslprep(password), salt, iterations, KEY_BYTES, 'sha256', done)
}

export const authServices: AuthServices = { deriveKey, openGss: openKerberos }
