/**
 * What `wire/open-session.ts` needs to know to open a session: plain data, so that it can cross to the worker. Made by
 * `options.ts` out of arguments, DSN, service file and environment.
 */

export type HostAddress =
  /** `address`, where given, is the IP address to connect to; `host` is then only what a certificate must name. */
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly address?: string }
  /** `path` is the socket file itself, `/run/postgresql/.s.PGSQL.5432`. */
  | { readonly kind: 'unix'; readonly path: string }
  /** PostgreSQL embedded in this thread; null keeps the data in memory. */
  | { readonly kind: 'pglite'; readonly dataDirectory: string | null }

export type SslMode = 'disable' | 'allow' | 'prefer' | 'require' | 'verify-ca' | 'verify-full'

/** What a server has to be to be taken, of those in `hosts`. */
export type TargetSessionAttrs = 'any' | 'read-write' | 'read-only' | 'primary' | 'standby' | 'prefer-standby'

/** PEM texts, read by `options/`, so that the worker opens no files. */
export interface TlsOptions {
  readonly mode: SslMode
  /** Trusted roots; null where none were given: verify-ca and verify-full then trust Node's own list, or the system's. */
  readonly rootCertificates: string | null
  /** Whether the roots are the system's, where Node can tell them. Missing means Node's. */
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
  /** False hides the host's name from who listens. Missing means true. */
  readonly sendsServerName?: boolean
  /** Where the keys of the connection are written, for who inspects the network. */
  readonly keyLogFile?: string | null
}

export type ChannelBinding = 'disable' | 'prefer' | 'require'

/** Names of libpq's `require_auth`; `none` is a server that asks for nothing. */
export type AuthMethod = 'password' | 'md5' | 'gss' | 'sspi' | 'scram-sha-256' | 'oauth' | 'none'

/** The methods that are allowed, or, negated, those that are not. */
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
  /** One budget for the whole of connecting; 0 for none. */
  readonly connectTimeoutMs: number
  /** Missing means any. */
  readonly targetSessionAttrs?: TargetSessionAttrs
  /**
   * TCP keepalive: how long a connection is silent before the first probe; 0, or missing, for the system's time, null
   * for no probes.
   */
  readonly keepAliveMs?: number | null
  /** Missing means prefer. */
  readonly channelBinding?: ChannelBinding
  /** null, or missing: the server may ask for what it likes. */
  readonly requireAuth?: RequiredAuth | null
  /** Missing means 3.0. */
  readonly minProtocolVersion?: ProtocolVersion
  /** Missing means 3.0: a pooler may refuse more. */
  readonly maxProtocolVersion?: ProtocolVersion
  /** A bearer token for servers that ask for one. */
  readonly oauthToken?: string | null
  /** How to authenticate by GSSAPI; missing means the service `postgres`, nothing delegated. */
  readonly gss?: {
    /** Of the server's principal: `postgres` in `postgres/host@REALM`. */
    readonly serviceName: string
    readonly isDelegated: boolean
  }
  /** How often the server looks, while a statement runs, whether we are still there; 0, or missing, leaves it alone. */
  readonly connectionCheckMs?: number
  /** Whether the hosts, and the addresses of each, are tried in random order. */
  readonly isLoadBalanced?: boolean
}
