/**
 * The data that `wire/open-session.ts` needs to open a session. It is plain data, so that it can cross to the worker.
 * `options.ts` makes it from arguments, DSN, service file and environment.
 */

export type HostAddress =
  /**
   * If `address` is given, it is the IP address to connect to, and `host` is only the name that a certificate must
   * have.
   */
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly address?: string }
  /** `path` is the socket file itself, `/run/postgresql/.s.PGSQL.5432`. */
  | { readonly kind: 'unix'; readonly path: string }
  /** PostgreSQL embedded in this thread; null keeps the data in memory. */
  | { readonly kind: 'pglite'; readonly dataDirectory: string | null }

export type SslMode = 'disable' | 'allow' | 'prefer' | 'require' | 'verify-ca' | 'verify-full'

/** Which kind of server is accepted, of those in `hosts`. */
export type TargetSessionAttrs = 'any' | 'read-write' | 'read-only' | 'primary' | 'standby' | 'prefer-standby'

/** TLS options with PEM texts. `options/` has read the files, so the worker opens none. */
export interface TlsOptions {
  readonly mode: SslMode
  /**
   * Trusted roots. If none were given it is null, and verify-ca and verify-full trust Node's own list, or the system's.
   */
  readonly rootCertificates: string | null
  /** Whether the roots are those of the system, if Node can read them. Missing means Node's list. */
  readonly usesSystemRoots?: boolean
  readonly certificate: string | null
  readonly key: string | null
  readonly keyPassphrase: string | null
  /** One list or several, one after the other. */
  readonly revocationList: string | null
  readonly minVersion: 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3' | null
  readonly maxVersion: 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3' | null
  /** `direct` begins with TLS, without asking (PostgreSQL 17 and later). Missing means postgres. */
  readonly negotiation?: 'postgres' | 'direct'
  /** False does not send the host's name (SNI), which is not encrypted. Missing means true. */
  readonly sendsServerName?: boolean
  /** The file to which the keys of the connection are written, for tools that inspect the network. */
  readonly keyLogFile?: string | null
}

export type ChannelBinding = 'disable' | 'prefer' | 'require'

/** Names of libpq's `require_auth`; `none` means that the server asks for nothing. */
export type AuthMethod = 'password' | 'md5' | 'gss' | 'sspi' | 'scram-sha-256' | 'oauth' | 'none'

/** The methods that are allowed; if negated, those that are not. */
export interface RequiredAuth {
  readonly methods: readonly AuthMethod[]
  readonly isNegated: boolean
}

export type ProtocolVersion = '3.0' | '3.2'

export interface SessionOptions {
  /** Tried in order. Never empty. */
  readonly hosts: readonly HostAddress[]
  readonly user: string
  readonly password: string | null
  readonly database: string
  /** Further startup parameters: application_name, options, server settings. */
  readonly parameters: Readonly<Record<string, string>>
  readonly tls: TlsOptions
  /** The time limit for connecting, all attempts together; 0 for none. */
  readonly connectTimeoutMs: number
  /** Missing means any. */
  readonly targetSessionAttrs?: TargetSessionAttrs
  /**
   * TCP keepalive: how long a connection is silent before the first probe. 0, or missing, means the system's time; null
   * means no probes.
   */
  readonly keepAliveMs?: number | null
  /** Missing means prefer. */
  readonly channelBinding?: ChannelBinding
  /** null, or missing: the server may use any method. */
  readonly requireAuth?: RequiredAuth | null
  /** Missing means 3.0. */
  readonly minProtocolVersion?: ProtocolVersion
  /** Missing means 3.0: a pooler may refuse more. */
  readonly maxProtocolVersion?: ProtocolVersion
  /** A bearer token for servers that ask for one. */
  readonly oauthToken?: string | null
  /** How to authenticate by GSSAPI; missing means the service `postgres` without delegation. */
  readonly gss?: {
    /** The service in the server's principal: `postgres` in `postgres/host@REALM`. */
    readonly serviceName: string
    readonly isDelegated: boolean
  }
  /**
   * How often the server checks, while it runs a statement, that the client is still there; 0, or missing, leaves its
   * own setting.
   */
  readonly connectionCheckMs?: number
  /** Whether the hosts, and the addresses of each, are tried in random order. */
  readonly isLoadBalanced?: boolean
}
