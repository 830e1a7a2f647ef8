/**
 * Options about authentication and the protocol: `require_auth`, `channel_binding`, protocol versions, GSSAPI. Source
 * of truth: PostgreSQL manual, "Parameter Key Words".
 */
import { ClientConfigurationError } from '../errors/tree.ts'
import { type Lookup, shown } from './keywords.ts'
import type { AuthMethod, ChannelBinding, ProtocolVersion, RequiredAuth, SessionOptions } from './session-options.ts'

const METHODS: readonly AuthMethod[] = ['password', 'md5', 'gss', 'sspi', 'scram-sha-256', 'oauth', 'none']
/** The version that `latest` stands for: the newest that this client knows. */
const LATEST: ProtocolVersion = '3.2'

/** Expects that `checkChoices` has checked the values. */
export function resolveAuth(
  lookup: Lookup,
): Required<
  Pick<SessionOptions, 'channelBinding' | 'requireAuth' | 'minProtocolVersion' | 'maxProtocolVersion' | 'gss'>
> {
  const min = versionOf(lookup('min_protocol_version')) ?? '3.0'
  // 3.0 is the default, as in libpq, because poolers refuse versions that they do not know. A higher minimum raises the maximum too.
  const max = versionOf(lookup('max_protocol_version')) ?? min
  if (min > max) {
    throw new ClientConfigurationError(`min_protocol_version ${min} is above max_protocol_version ${max}`)
  }
  const required = lookup('require_auth')
  return {
    channelBinding: (lookup('channel_binding') ?? 'prefer') as ChannelBinding,
    requireAuth: required === undefined ? null : parseRequiredAuth(required),
    minProtocolVersion: min,
    maxProtocolVersion: max,
    gss: { serviceName: lookup('krbsrvname') ?? 'postgres', isDelegated: lookup('gssdelegation') === '1' },
  }
}

function versionOf(text: string | undefined): ProtocolVersion | undefined {
  return text === 'latest' ? LATEST : (text as ProtocolVersion | undefined)
}

/** Reads `scram-sha-256,none`, or `!password,!md5`. Either all words have the `!` or none. */
export function parseRequiredAuth(text: string): RequiredAuth {
  const words = text.split(',').map((word) => word.trim())
  const isNegated = words[0]?.startsWith('!') ?? false
  const methods: AuthMethod[] = []
  for (const word of words) {
    if (word.startsWith('!') !== isNegated) {
      throw new ClientConfigurationError(
        `require_auth: ${shown('require_auth', text)} mixes methods with "!" and without; use one or the other`,
      )
    }
    const name = isNegated ? word.slice(1).trim() : word
    const method = METHODS.find((known) => known === name)
    if (method === undefined) {
      throw new ClientConfigurationError(
        `require_auth: expected ${METHODS.join(', ')}, or these with "!", got ${shown('require_auth', word)}`,
      )
    }
    if (methods.includes(method)) {
      throw new ClientConfigurationError(`require_auth: "${method}" is given more than once`)
    }
    methods.push(method)
  }
  return { methods, isNegated }
}
