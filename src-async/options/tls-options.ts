/**
 * Resolves the TLS options and reads the files with certificates, so that the worker opens none. Does not load Node's
 * TLS. Source of truth: PostgreSQL manual, "SSL Support" of libpq.
 */
import { clip, describeKind } from '../errors/describe-value.ts'
import { closeSync, existsSync, openSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { accessDenied, isAccessDenied } from '../errors/node-permission.ts'
import { ClientConfigurationError, ProgrammingError } from '../errors/tree.ts'
import { defaultTlsFile, type Environment } from './environment.ts'
import { type Lookup, shown } from './keywords.ts'
import { nearest } from './nearest.ts'
import type { SslMode, TlsOptions } from './session-options.ts'

/**
 * TLS options as an object. Each certificate is a PEM text (or its bytes) or the path of a file that has it. Without
 * `mode` the server's certificate and name are verified.
 */
export interface SslSettings {
  readonly mode?: SslMode
  /** Trusted root certificates, one or several. Without them, those that Node trusts. */
  readonly ca?: string | Uint8Array | readonly (string | Uint8Array)[]
  /** The client's certificate, with its chain. */
  readonly cert?: string | Uint8Array
  readonly key?: string | Uint8Array
  /** The passphrase of an encrypted key. */
  readonly passphrase?: string
  /** A list of revoked certificates. */
  readonly crl?: string | Uint8Array
  readonly minVersion?: TlsVersion
  readonly maxVersion?: TlsVersion
}

export type TlsVersion = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'

const MODES: readonly SslMode[] = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full']
const VERSIONS: readonly TlsVersion[] = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3']
const SETTINGS_KEYS = ['mode', 'ca', 'cert', 'key', 'passphrase', 'crl', 'minVersion', 'maxVersion']

/** The first line of a certificate in a PEM file, in the forms that OpenSSL accepts. */
const CERTIFICATE_MARK = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/

/** The beginning of a revocation list in a PEM file. */
const LIST_MARK = '-----BEGIN X509 CRL'

export const NO_TLS: TlsOptions = {
  mode: 'disable',
  rootCertificates: null,
  certificate: null,
  key: null,
  keyPassphrase: null,
  revocationList: null,
  minVersion: null,
  maxVersion: null,
}

/**
 * @param ssl the option `ssl`, which overrides the keywords; undefined if it is not given
 * @throws ClientConfigurationError for a bad mode or version, for a file that cannot be read, and when there are no
 *   roots to verify with
 */
export function resolveTls(
  ssl: boolean | SslMode | SslSettings | undefined,
  lookup: Lookup,
  environment: Environment,
): TlsOptions {
  const settings = settingsOf(ssl)
  const rootKeyword = lookup('sslrootcert')
  const useSystemRoots = settings.ca === undefined && rootKeyword === 'system'
  let mode = settings.mode ?? modeOf(lookup, useSystemRoots)
  const negotiation = (lookup('sslnegotiation') ?? 'postgres') as 'postgres' | 'direct'
  if (negotiation === 'direct' && ['disable', 'allow', 'prefer'].includes(mode)) {
    throw new ClientConfigurationError(`sslmode ${mode} is too weak for sslnegotiation=direct: use require or stronger`)
  }
  // With sslrootcert=system, `sslmode=disable` is refused below, because it may come from a forgotten variable. Only
  // the option `ssl` turns TLS off.
  if (mode === 'disable' && (!useSystemRoots || settings.mode !== undefined)) return NO_TLS
  if (useSystemRoots && mode !== 'verify-full') {
    throw new ClientConfigurationError(`sslmode ${mode} is too weak for sslrootcert=system: use verify-full`, {
      hint: 'anyone can get a certificate of a public authority; only the name in it tells whose it is',
    })
  }
  // The option `ssl` as true or an object verifies with the given roots, or with those of Node.
  const trustsNode = ssl !== undefined && typeof ssl !== 'string'
  const rootCertificates =
    settings.ca === undefined
      ? readRoots(rootKeyword, mode, trustsNode, environment)
      : requireRoot(joinPem(settings.ca, 'ssl.ca'))
  const keyLogFile = lookup('sslkeylogfile')
  if (keyLogFile !== undefined) requireAppendable(keyLogFile)
  // With roots at hand, `require` verifies against them, as in libpq.
  if (mode === 'require' && rootCertificates !== null && typeof ssl !== 'object') mode = 'verify-ca'
  return {
    mode,
    rootCertificates,
    usesSystemRoots: useSystemRoots,
    ...readClientCertificate(settings, lookup, environment),
    revocationList:
      settings.crl === undefined
        ? readRevocations(lookup, mode, environment)
        : requireList(readPem(settings.crl, 'ssl.crl'), 'connect: ssl.crl: it'),
    ...versionsOf(settings, lookup),
    negotiation,
    sendsServerName: lookup('sslsni') !== '0',
    keyLogFile: keyLogFile ?? null,
  }
}

/** Checks the TLS options for a Unix socket, although it does not use them: the program may connect over TCP later. */
export function requireTlsWords(ssl: boolean | SslMode | SslSettings | undefined, lookup: Lookup): void {
  settingsOf(ssl)
  modeOf(lookup, false)
}

function settingsOf(ssl: boolean | SslMode | SslSettings | undefined): SslSettings {
  if (ssl === undefined) return {}
  if (ssl === true) return { mode: 'verify-full' }
  if (ssl === false) return { mode: 'disable' }
  if (typeof ssl === 'string') return { mode: checkMode(ssl, 'connect: ssl') }
  if (typeof ssl !== 'object' || ssl === null || Array.isArray(ssl)) {
    throw new ProgrammingError(`connect: ssl: expected true, false, a mode or an object, got ${describeKind(ssl)}`)
  }
  for (const [key, value] of Object.entries(ssl)) {
    if (!SETTINGS_KEYS.includes(key)) throw unknownSetting(key)
    const isList = key === 'ca' && Array.isArray(value)
    const isText =
      typeof value === 'string' || (value instanceof Uint8Array && ['ca', 'cert', 'key', 'crl'].includes(key))
    if (value !== undefined && !isText && !isList) {
      throw new ProgrammingError(`connect: ssl.${key}: expected a string, got ${describeKind(value)}`)
    }
  }
  return { ...ssl, mode: ssl.mode === undefined ? 'verify-full' : checkMode(ssl.mode, 'connect: ssl.mode') }
}

function unknownSetting(key: string): ProgrammingError {
  const meant = nearest(key, SETTINGS_KEYS)
  const hint =
    key === 'rejectUnauthorized'
      ? "mode: 'verify-full' verifies certificate and name, mode: 'require' encrypts without verifying"
      : `${meant === null ? '' : `did you mean ${meant}? `}known: ${SETTINGS_KEYS.join(', ')}`
  return new ProgrammingError(`connect: ssl.${clip(key)}: unknown`, { hint })
}

function modeOf(lookup: Lookup, useSystemRoots: boolean): SslMode {
  const mode = lookup('sslmode')
  if (mode !== undefined) return checkMode(mode, 'sslmode')
  if (useSystemRoots) return 'verify-full'
  return lookup('requiressl')?.startsWith('1') === true ? 'require' : 'prefer'
}

function checkMode(mode: string, where: string): SslMode {
  const found = MODES.find((known) => known === mode)
  if (found !== undefined) return found
  const hint = mode === 'no-verify' ? { hint: 'no-verify of other clients is require: encrypted, not verified' } : {}
  throw new ClientConfigurationError(
    `${where}: expected one of ${MODES.join(', ')}, got ${shown('sslmode', String(mode))}`,
    hint,
  )
}

function readRoots(
  path: string | undefined,
  mode: SslMode,
  trustsNode: boolean,
  environment: Environment,
): string | null {
  if (path === 'system') return readSystemRoots(environment)
  if (path !== undefined) return requireCertificate(readFile(path, 'sslrootcert'), path, mode)
  // `ssl: true` trusts the roots of Node, even if there is a file root.crt in the home directory.
  if (trustsNode) return null
  const defaultPath = defaultTlsFile(environment, 'root.crt')
  // With a root.crt, `require` verifies against it.
  const roots = readDefault(defaultPath, mode === 'require')
  if (roots !== null) return requireCertificate(roots, String(defaultPath), mode)
  if (!mode.startsWith('verify')) return null
  const where =
    defaultPath === null
      ? 'no home directory is known'
      : `root certificate file ${JSON.stringify(defaultPath)} cannot be read`
  throw new ClientConfigurationError(`sslmode ${mode} needs root certificates: ${where}`, {
    hint:
      'provide the file, name another with sslrootcert, trust public authorities with sslrootcert=system, ' +
      'or set sslmode to require, which does not verify',
  })
}

function requireRoot(text: string): string {
  if (CERTIFICATE_MARK.test(text)) return text
  throw new ClientConfigurationError('connect: ssl.ca: it holds no certificate in PEM form')
}

/**
 * Refuses a file of roots without a certificate (a key, a request, an empty file). `allow` and `prefer` accept it and
 * go without TLS, as in libpq.
 */
function requireCertificate(text: string, path: string, mode: SslMode): string {
  if (CERTIFICATE_MARK.test(text) || mode === 'allow' || mode === 'prefer') return text
  throw new ClientConfigurationError(`root certificate file ${JSON.stringify(path)} holds no certificate in PEM form`)
}

/** The roots that OpenSSL's variables name; null if they name none. */
function readSystemRoots({ variables }: Environment): string | null {
  const file = variables['SSL_CERT_FILE']
  const directories = variables['SSL_CERT_DIR']
  const roots = file ? [readFile(file, 'sslrootcert=system, SSL_CERT_FILE')] : []
  for (const directory of directories ? directories.split(delimiter) : []) {
    roots.push(...readDirectory(directory, 'sslrootcert=system, SSL_CERT_DIR'))
  }
  return file || directories ? roots.filter((text) => text.includes('-----BEGIN ')).join('\n') : null
}

function readClientCertificate(
  settings: SslSettings,
  lookup: Lookup,
  environment: Environment,
): Pick<TlsOptions, 'certificate' | 'key' | 'keyPassphrase'> {
  const keyPassphrase = settings.passphrase ?? lookup('sslpassword') ?? null
  const none = { certificate: null, key: null, keyPassphrase: null }
  if (settings.cert === undefined && lookup('sslcertmode') === 'disable') return none
  const certificate =
    settings.cert === undefined
      ? readNamedOrDefault(lookup, 'sslcert', 'postgresql.crt', environment)
      : readPem(settings.cert, 'ssl.cert')
  if (certificate === null) {
    if (settings.key === undefined) return none
    throw new ClientConfigurationError('connect: ssl.key: a private key is given, but no certificate (ssl.cert)')
  }
  const key =
    settings.key === undefined
      ? readNamedOrDefault(lookup, 'sslkey', 'postgresql.key', environment)
      : readPem(settings.key, 'ssl.key')
  // The file of the certificate may have the key too.
  const inCertificate = key === null && certificate.includes('PRIVATE KEY-----') ? certificate : null
  if (key === null && inCertificate === null) {
    throw new ClientConfigurationError('a client certificate is given, but no private key: set sslkey or ssl.key')
  }
  return { certificate, key: key ?? inCertificate, keyPassphrase }
}

/**
 * Reads the revocation lists. The file root.crl in the home directory counts only if none is named, as in libpq. A
 * named file without a list is an error.
 */
function readRevocations(lookup: Lookup, mode: SslMode, environment: Environment): string | null {
  const path = lookup('sslcrl')
  const directory = lookup('sslcrldir')
  if (path === undefined && directory === undefined) {
    const isGuard = !['allow', 'prefer'].includes(mode)
    const list = readDefault(defaultTlsFile(environment, 'root.crl'), isGuard)
    return list === null ? null : requireList(list, 'the file root.crl at home')
  }
  const lists: string[] = []
  if (path !== undefined) lists.push(requireList(readFile(path, 'sslcrl'), `sslcrl: file ${JSON.stringify(path)}`))
  if (directory !== undefined) lists.push(readRevocationDirectory(directory))
  return lists.join('\n')
}

function readRevocationDirectory(directory: string): string {
  const lists = readDirectory(directory, 'sslcrldir').filter((text) => text.includes(LIST_MARK))
  return requireList(lists.join('\n'), `sslcrldir: directory ${JSON.stringify(directory)}`)
}

function requireList(text: string, where: string): string {
  if (text.includes(LIST_MARK)) return text
  throw new ClientConfigurationError(`${where} holds no revocation list in PEM form`)
}

function readNamedOrDefault(lookup: Lookup, keyword: string, name: string, environment: Environment): string | null {
  const path = lookup(keyword)
  return path === undefined ? readDefault(defaultTlsFile(environment, name)) : readFile(path, keyword)
}

/**
 * @param isGuard whether the connection would be less safe without the file
 * @throws OperationalError when `isGuard` is true and Node's permission model forbids access to the file.
 */
function readDefault(path: string | null, isGuard = false): string | null {
  if (path === null) return null
  try {
    // This check comes first because most home directories have none of these files, and a failed read costs far more.
    if (!existsSync(path)) return null
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (isGuard && isAccessDenied(error)) throw accessDenied('TLS cannot be set up', error, join(dirname(path), '*'))
    return null
  }
}

function readFile(path: string, where: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new ClientConfigurationError(`${where}: file ${JSON.stringify(path)} cannot be read`, { cause })
  }
}

/** The texts of a directory's files. */
function readDirectory(directory: string, where: string): string[] {
  try {
    const paths = readdirSync(directory).map((name) => join(directory, name))
    // A system's directory of certificates has several names for one file. Each file is read once.
    const files = new Set(
      paths.filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile()).map((path) => realpathSync(path)),
    )
    return [...files].map((path) => readFileSync(path, 'utf8'))
  } catch (cause) {
    throw new ClientConfigurationError(`${where}: directory ${JSON.stringify(directory)} cannot be read`, { cause })
  }
}

function requireAppendable(path: string): void {
  try {
    closeSync(openSync(path, 'a', 0o600))
  } catch (cause) {
    throw new ClientConfigurationError(`sslkeylogfile: file ${JSON.stringify(path)} cannot be written`, { cause })
  }
}

function joinPem(source: NonNullable<SslSettings['ca']>, where: string): string {
  if (typeof source === 'string' || source instanceof Uint8Array) return readPem(source, where)
  return source.map((each) => readPem(each, where)).join('\n')
}

/**
 * Returns PEM text unchanged, and reads the file of any other text. Errors never quote the text, which may be a private
 * key.
 */
function readPem(source: string | Uint8Array, where: string): string {
  const text = typeof source === 'string' ? source : new TextDecoder().decode(source)
  if (text.includes('-----BEGIN ')) return text
  if (typeof source === 'string' && text !== '' && !text.includes('\n') && text.length < 4096)
    return readFile(text, where)
  throw new ClientConfigurationError(`connect: ${where}: expected PEM text or the path of a PEM file`)
}

function versionsOf(settings: SslSettings, lookup: Lookup): Pick<TlsOptions, 'minVersion' | 'maxVersion'> {
  const minimum = settings.minVersion ?? lookup('ssl_min_protocol_version')
  const maximum = settings.maxVersion ?? lookup('ssl_max_protocol_version')
  const minVersion = minimum === undefined ? 'TLSv1.2' : checkVersion(minimum, 'ssl_min_protocol_version')
  const maxVersion = maximum === undefined ? null : checkVersion(maximum, 'ssl_max_protocol_version')
  if (maxVersion === null || VERSIONS.indexOf(minVersion) <= VERSIONS.indexOf(maxVersion))
    return { minVersion, maxVersion }
  // The program asked only for a maximum, which is below the built-in minimum. So the minimum becomes that version too.
  if (minimum === undefined) return { minVersion: maxVersion, maxVersion }
  throw new ClientConfigurationError(
    `ssl_min_protocol_version ${minVersion} is above ssl_max_protocol_version ${maxVersion}`,
  )
}

function checkVersion(version: string, where: string): TlsVersion {
  const found = VERSIONS.find((known) => known.toLowerCase() === version.toLowerCase())
  if (found !== undefined) return found
  throw new ClientConfigurationError(`${where}: expected one of ${VERSIONS.join(', ')}, got ${shown('', version)}`)
}
