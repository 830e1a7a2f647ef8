/**
 * Combines the options, the DSN, the service file, the environment and the built-in defaults, in this order of
 * precedence, into the data that a session needs. Checks everything before a connection is opened. Reads all files
 * (certificates, passwords, services), so that the worker opens none.
 */
import { clip, describeKind } from '../errors/describe-value.ts'
import { resolve } from 'node:path'
import { ClientConfigurationError, ProgrammingError } from '../errors/tree.ts'
import { resolveAuth } from './auth-options.ts'
import { checkOptions, type ConnectOptions, optionsLayer } from './connect-options.ts'
import { type Dsn, parseDsn, parseHostList } from './dsn.ts'
import {
  currentEnvironment,
  defaultPassfile,
  type Environment,
  environmentLayer,
  environmentSettings,
  systemUser,
  type Variables,
} from './environment.ts'
import { defaultAddresses, type HostSpec, parsePort, spreadPorts, toAddress } from './hosts.ts'
import { checkChoices, type Layer, type Lookup, refuseKeywords } from './keywords.ts'
import { readPassword } from './passfile.ts'
import { readService } from './service-file.ts'
import type { HostAddress, SessionOptions, TargetSessionAttrs } from './session-options.ts'
import { NO_TLS, requireTlsWords, resolveTls } from './tls-options.ts'

export type { ConnectOptions } from './connect-options.ts'

export interface ResolveInput {
  readonly dsn?: string
  readonly options?: ConnectOptions
  /** Further options that the face checks and reads itself. */
  readonly extraKeys?: readonly string[]
  /** The face's default for `clientConnectionCheckInterval`. */
  readonly connectionCheckMs?: number
}

/** The resolved options. Plain data, except for a hook that hides secrets when they are printed. */
export interface ResolvedOptions {
  readonly session: SessionOptions
  /** Time limit for each statement, 0 for none. */
  readonly commandTimeoutMs: number
  readonly statementCache: {
    /** How many statements are kept, 0 for none. */
    readonly size: number
    /** 0 for no limit. */
    readonly lifetimeMs: number
    /** 0 for no limit. */
    readonly maxSqlLength: number
  }
}

const DEFAULT_CONNECT_TIMEOUT_MS = 60_000

/**
 * @param variables environment variables; the default is those of the process
 * @throws ProgrammingError for an option that is unknown or of the wrong type; ClientConfigurationError, which extends
 *   it, for an error in a DSN, a service file or a variable; NotSupportedError for a feature that this client does not
 *   have.
 */
export function resolveOptions(input: ResolveInput, variables: Variables = process.env): ResolvedOptions {
  const options = checkOptions(input.options ?? {}, input.extraKeys ?? [])
  const environment = currentEnvironment(variables)
  const dsnText = dsnOf(input.dsn, options.dsn)
  const dsn = dsnText === undefined ? null : parseDsn(dsnText)
  const session =
    dsn?.pgliteDirectory === undefined
      ? serverSession(withCheck(options, input.connectionCheckMs ?? 0), dsn, environment)
      : pgliteSession(options, dsn, environment)
  return {
    session: hideSecrets(session),
    commandTimeoutMs: options.commandTimeout ?? 0,
    statementCache: {
      size: options.statementCacheSize ?? 100,
      lifetimeMs: options.maxCachedStatementLifetime ?? 300_000,
      maxSqlLength: options.maxCacheableStatementSize ?? 15_360,
    },
  }
}

/**
 * Calls the functions for password and token and awaits their results. For the face that can await. It is called for
 * each connection, so that passwords which expire are always fresh.
 */
export async function awaitPassword(options: ConnectOptions): Promise<ConnectOptions> {
  const { password, oauthToken } = options
  if (typeof password !== 'function' && typeof oauthToken !== 'function') return options
  const settled: { password?: () => string; oauthToken?: () => string } = {}
  // They stay functions, so that only `callForSecret` has to refuse a wrong type.
  if (typeof password === 'function') {
    const given = await password()
    settled.password = () => given
  }
  if (typeof oauthToken === 'function') {
    const given = await oauthToken()
    settled.oauthToken = () => given
  }
  return { ...options, ...settled }
}

function withCheck(options: ConnectOptions, connectionCheckMs: number): ConnectOptions {
  return { clientConnectionCheckInterval: connectionCheckMs, ...options }
}

function dsnOf(argument: string | undefined, option: string | undefined): string | undefined {
  if (argument !== undefined && typeof argument !== 'string') {
    throw new ProgrammingError(`connect: expected a DSN string, got ${describeKind(argument)}`)
  }
  if (argument !== undefined && option !== undefined) {
    throw new ProgrammingError('connect: the DSN is given twice, as argument and as the option dsn')
  }
  return argument ?? option
}

function lookupIn(layers: readonly Layer[]): Lookup {
  return (keyword) => layers.find((layer) => layer.values.has(keyword))?.values.get(keyword)
}

function serverSession(options: ConnectOptions, dsn: Dsn | null, environment: Environment): SessionOptions {
  const strong: Layer[] = [optionsLayer(options)]
  if (dsn !== null) strong.push({ source: 'the DSN', values: dsn.values })
  const weak = environmentLayer(environment)
  const lookupBoth = lookupIn([...strong, weak])
  const service = lookupBoth('service')
  const layers =
    service === undefined
      ? [...strong, weak]
      : [...strong, readService(service, lookupBoth('servicefile') ?? null, environment), weak]
  const lookup = lookupIn(layers)
  checkChoices(lookup)
  const hosts = resolveHosts(layers, dsn, options, environment)
  refuseKeywords(
    lookup,
    hosts.map(({ kind }) => kind),
  )
  const user = lookup('user') ?? systemUser()
  if (user === null) {
    throw new ClientConfigurationError('no user name: the operating system has none either', {
      hint: 'set user or PGUSER',
    })
  }
  const database = lookup('dbname') ?? user
  const hasTcp = hosts.some((host) => host.kind === 'tcp')
  if (!hasTcp) requireTlsWords(options.ssl ?? undefined, lookup)
  const session: SessionOptions = {
    hosts,
    isLoadBalanced: lookup('load_balance_hosts') === 'random',
    user,
    password: resolvePassword(options, lookup, { hosts, database, user }, environment),
    database,
    parameters: resolveParameters(options, lookup, environment),
    tls: hasTcp ? resolveTls(options.ssl ?? undefined, lookup, environment) : NO_TLS,
    connectTimeoutMs: resolveConnectTimeout(options, lookup),
    targetSessionAttrs: (lookup('target_session_attrs') ?? 'any') as TargetSessionAttrs,
    keepAliveMs: resolveKeepAlive(lookup),
    ...resolveAuth(lookup),
    oauthToken: resolveToken(options.oauthToken),
    connectionCheckMs: options.clientConnectionCheckInterval ?? 0,
  }
  return checkZeroBytes(session)
}

/**
 * The options of an embedded database. It has no hosts, logins or TLS, and ignores environment variables about servers.
 */
function pgliteSession(options: ConnectOptions, dsn: Dsn, environment: Environment): SessionOptions {
  const layers = [optionsLayer(options), { source: 'the DSN', values: dsn.values }]
  const lookup = lookupIn(layers)
  for (const keyword of ['host', 'hostaddr', 'port', 'service']) {
    if (lookup(keyword) === undefined) continue
    throw new ProgrammingError(`a pglite: DSN cannot have ${keyword}: the database runs in this process`)
  }
  checkChoices(lookup)
  refuseKeywords(lookup, [])
  const directory = dsn.pgliteDirectory ?? null
  return checkZeroBytes({
    hosts: [{ kind: 'pglite', dataDirectory: directory === null ? null : resolve(directory) }],
    user: lookup('user') ?? 'postgres',
    password: null,
    database: lookup('dbname') ?? 'postgres',
    parameters: resolveParameters(options, lookup, environment),
    tls: NO_TLS,
    connectTimeoutMs: resolveConnectTimeout(options, lookup),
  })
}

interface HostChoice {
  readonly specs: readonly HostSpec[]
  /** The index of the layer that names the hosts. */
  readonly layerIndex: number
}

/** The hosts of the first layer that names any. The hosts in a URI's authority belong to the layer of the DSN. */
function chooseHosts(layers: readonly Layer[], dsn: Dsn | null, options: ConnectOptions): HostChoice | null {
  for (const [layerIndex, layer] of layers.entries()) {
    if (layerIndex === 0 && Array.isArray(options.host)) {
      return { specs: options.host.flatMap((host: string) => parseHostList(host)), layerIndex }
    }
    if (layer.source === 'the DSN' && dsn !== null && dsn.hosts !== null) return { specs: dsn.hosts, layerIndex }
    const list = layer.values.get('host')
    if (list !== undefined) return { specs: parseHostList(list), layerIndex }
  }
  return null
}

function resolveHosts(
  layers: readonly Layer[],
  dsn: Dsn | null,
  options: ConnectOptions,
  environment: Environment,
): HostAddress[] {
  const portIndex = layers.findIndex((layer) => layer.values.has('port'))
  const ports = layers[portIndex]?.values.get('port') ?? ''
  const chosen = chooseHosts(layers, dsn, options)
  const addresses = lookupIn(layers)('hostaddr')
    ?.split(',')
    .map((address) => address.trim())
  if (chosen === null && addresses === undefined) {
    return defaultAddresses(parsePort(spreadPorts(ports, 1)[0] ?? ''), environment.platform)
  }
  const specs = chosen?.specs ?? addresses?.map(() => ({ host: '', port: null })) ?? []
  if (addresses !== undefined && addresses.length !== specs.length) {
    throw new ClientConfigurationError(`could not match ${addresses.length} hostaddr values to ${specs.length} hosts`)
  }
  // A port from an earlier layer than the host's replaces the port that stands with the host.
  const portIsStronger = portIndex >= 0 && chosen !== null && portIndex < chosen.layerIndex
  const needsPorts = portIsStronger || specs.some((spec) => spec.port === null)
  const spread = needsPorts ? spreadPorts(ports, specs.length) : []
  return specs.map((spec, index) => {
    const port = parsePort((portIsStronger ? spread[index] : (spec.port ?? spread[index])) ?? '')
    return toAddress(spec.host, port, addresses?.[index] || undefined)
  })
}

function resolvePassword(
  options: ConnectOptions,
  lookup: Lookup,
  query: { hosts: readonly HostAddress[]; database: string; user: string },
  environment: Environment,
): string | null {
  if (typeof options.password === 'function') return callForSecret(options.password, 'password')
  const password = lookup('password')
  if (password !== undefined) return password
  const path = lookup('passfile') ?? defaultPassfile(environment)
  return path === null ? null : readPassword(path, query, environment.platform)
}

function resolveToken(source: ConnectOptions['oauthToken']): string | null {
  return typeof source === 'function' ? callForSecret(source, 'oauthToken') : source || null
}

function callForSecret(source: () => unknown, name: string): string | null {
  const secret = source()
  if (typeof secret === 'string') return secret === '' ? null : secret
  const found = secret instanceof Promise ? 'a promise' : describeKind(secret)
  throw new ProgrammingError(`connect: ${name}: expected a function that gives a string, got ${found} from it`, {
    hint: `a blocking connection cannot wait for a promise: get the ${name} first`,
  })
}

function resolveParameters(options: ConnectOptions, lookup: Lookup, environment: Environment): Record<string, string> {
  const parameters: Record<string, string> = environmentSettings(environment)
  const commandLine = lookup('options')
  if (commandLine !== undefined) parameters['options'] = commandLine
  const applicationName = lookup('application_name') ?? lookup('fallback_application_name')
  if (applicationName !== undefined) parameters['application_name'] = applicationName
  return Object.fromEntries(
    [...Object.entries(parameters), ...Object.entries(options.serverSettings ?? {})].map(([name, value]) => [
      name,
      String(value),
    ]),
  )
}

function resolveConnectTimeout(options: ConnectOptions, lookup: Lookup): number {
  if (options.timeout !== undefined) return options.timeout ?? 0
  const seconds = integerOf(lookup, 'connect_timeout')
  if (seconds === undefined) return DEFAULT_CONNECT_TIMEOUT_MS
  return seconds <= 0 ? 0 : seconds * 1000
}

function resolveKeepAlive(lookup: Lookup): number | null {
  if (integerOf(lookup, 'keepalives') === 0) return null
  return Math.max(0, integerOf(lookup, 'keepalives_idle') ?? 0) * 1000
}

function integerOf(lookup: Lookup, keyword: string): number | undefined {
  const text = lookup(keyword)
  if (text === undefined) return undefined
  if (/^\s*[+-]?\d{1,9}\s*$/.test(text)) return Number(text)
  throw new ClientConfigurationError(`${keyword}: expected an integer, got ${JSON.stringify(clip(text))}`)
}

/** A zero byte would end a string early in the startup message, and the server would misread the rest. */
function checkZeroBytes(session: SessionOptions): SessionOptions {
  const { user, database, password, parameters, gss } = session
  const texts = { user, database, password: password ?? '', krbsrvname: gss?.serviceName ?? '' }
  for (const [name, text] of [
    ...Object.entries(texts),
    ...Object.entries(parameters).flatMap(([key, value]) => [
      ['the name of a server setting', key] as const,
      [`server setting ${clip(key)}`, value] as const,
    ]),
  ]) {
    if (text.includes('\0')) throw new ProgrammingError(`${name.replaceAll('\0', '\\0')}: holds a zero byte`)
  }
  return session
}

function redact(secret: string | null): string | null {
  return secret === null ? null : '(hidden)'
}

/** Hides passwords and keys when the session's options are printed. The hook does not cross to the worker. */
function hideSecrets(session: SessionOptions): SessionOptions {
  const inspect = () => {
    const { password, tls, oauthToken = null } = session
    return {
      ...session,
      password: redact(password),
      oauthToken: redact(oauthToken),
      tls: { ...tls, key: redact(tls.key), keyPassphrase: redact(tls.keyPassphrase) },
    }
  }
  return Object.defineProperty(session, Symbol.for('nodejs.util.inspect.custom'), { value: inspect, enumerable: false })
}

/**
 * Sorts the arguments of `connect(dsn, options)`, `connect(options)` and `connect(undefined, options)`.
 * @throws ProgrammingError for options in both places, because one of them would be ignored.
 */
export function connectArguments<T extends ConnectOptions>(
  dsn: string | T | null | undefined,
  options: T | undefined,
): { readonly dsn?: string; readonly options: T | Record<never, never> } {
  if (typeof dsn === 'string') return { dsn, options: options ?? {} }
  if (dsn !== undefined && dsn !== null && options !== undefined) {
    throw new ProgrammingError('connect: options were given twice: pass a DSN and options, or options alone')
  }
  return { options: dsn ?? options ?? {} }
}
