/**
 * GSSAPI by the npm package `kerberos`, which calls the system's library. Tickets, realms and their configuration come from
 * the system. The package is optional, so it is loaded when a server first asks for GSSAPI.
 */
import { callbackify } from 'node:util'
import { AuthRefusedError } from './protocol/auth-policy.ts'
import type { GssStep, OpenGss } from './protocol/gss.ts'

/** The part of the package that syncpg uses. */
interface KerberosModule {
  readonly GSS_C_DELEG_FLAG: number
  readonly GSS_C_MUTUAL_FLAG: number
  initializeClient(service: string, options: { readonly flags: number }): Promise<KerberosClient>
}

interface KerberosClient {
  readonly contextComplete: boolean
  /** Takes and gives Base64. Gives null or undefined when there is nothing to send. */
  step(challenge: string): Promise<string | null | undefined>
}

const PACKAGE = 'kerberos'

export const openKerberos: OpenGss = ({ serviceName, host, isDelegated }) => {
  let client: KerberosClient | null = null

  const step = async (challenge: Uint8Array | null): Promise<GssStep> => {
    if (client === null) {
      const { initializeClient, GSS_C_MUTUAL_FLAG, GSS_C_DELEG_FLAG } = await loadPackage()
      const flags = GSS_C_MUTUAL_FLAG | (isDelegated ? GSS_C_DELEG_FLAG : 0)
      client = await initializeClient(principalOf(serviceName, host), { flags })
    }
    const response = await client.step(challenge === null ? '' : Buffer.from(challenge).toString('base64'))
    return { token: response ? Buffer.from(response, 'base64') : null, isComplete: client.contextComplete }
  }

  return { step: callbackify(step) }
}

/** The server's name for the system's library: `service@host`, and on Windows the service principal `service/host`. */
function principalOf(service: string, host: string): string {
  return process.platform === 'win32' ? `${service}/${host}` : `${service}@${host}`
}

async function loadPackage(): Promise<KerberosModule> {
  try {
    const loaded = (await import(PACKAGE)) as KerberosModule & { readonly default?: KerberosModule }
    return loaded.default ?? loaded
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    const reason = code === 'ERR_MODULE_NOT_FOUND' ? 'is not installed' : `could not be loaded: ${message}`
    throw new AuthRefusedError(
      `the server asks for GSSAPI authentication (Kerberos), and the package ${PACKAGE}, which it needs, ${reason}`,
      { hint: `npm install ${PACKAGE}`, cause },
    )
  }
}
