/**
 * Checks for `sslmode=verify-full` whether a certificate belongs to the server that the user named. Node's own check
 * differs from libpq's for IP addresses and for names that end with a dot. Source of truth: libpq's
 * fe-secure-common.c (pq_verify_peer_name_matches_certificate_name and …_ip) and fe-secure-openssl.c
 * (pgtls_verify_peer_name_matches_certificate_guts).
 */
import { BlockList, isIP } from 'node:net'
import type { PeerCertificate } from 'node:tls'

type NameKind = 'DNS' | 'IP Address'

interface AlternativeName {
  readonly kind: string
  readonly value: string
}

/** How many names an error shows at most. */
const SHOWN_NAMES = 3

/**
 * The error for a certificate of another server; undefined for the right one. The host is compared with all
 * alternative names of the certificate. If none of them is of the host's kind (name or address), it is compared with
 * the common name.
 */
export function serverIdentityError(host: string, peer: PeerCertificate): Error | undefined {
  const hostKind: NameKind = isIP(host) === 0 ? 'DNS' : 'IP Address'
  const names = alternativeNames(peer.subjectaltname ?? '')
  if (names.some((name) => matches(host, name))) return undefined
  const shown = names.map(({ value }) => value)
  if (!names.some(({ kind }) => kind === hostKind)) {
    // Node gives an array if the certificate has several common names. libpq takes the first.
    const [commonName] = [peer.subject?.CN as string | string[] | undefined].flat()
    if (commonName !== undefined && matchesName(host, commonName)) return undefined
    if (commonName !== undefined) shown.push(commonName)
  }
  const message = `the certificate is for ${listed(shown)}, not for ${JSON.stringify(host.slice(0, 100))}`
  return Object.assign(new Error(message), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
}

function listed(names: readonly string[]): string {
  if (names.length === 0) return 'no host'
  const more = names.length > SHOWN_NAMES ? ` and ${names.length - SHOWN_NAMES} more` : ''
  const first = names.slice(0, SHOWN_NAMES).map((name) => JSON.stringify(name.slice(0, 100)))
  return first.join(', ') + more
}

function matches(host: string, { kind, value }: AlternativeName): boolean {
  if (kind === 'DNS') return matchesName(host, value)
  return kind === 'IP Address' && isSameAddress(host, value)
}

/** Compares names without regard to case. `*.` at the beginning of the certificate's name stands for one label. */
function matchesName(host: string, name: string): boolean {
  // Node gives each byte of a name as a character. A zero byte in it cannot match, because no host contains one.
  const [wanted, found] = [host.toLowerCase(), name.toLowerCase()]
  if (wanted === found) return true
  if (!found.startsWith('*.') || found.length > wanted.length) return false
  const end = found.slice(1)
  return wanted.endsWith(end) && !wanted.slice(0, wanted.length - end.length).includes('.')
}

function isSameAddress(host: string, address: string): boolean {
  const version = isIP(host)
  if (version === 0 || isIP(address) !== version) return false
  const family = version === 6 ? 'ipv6' : 'ipv4'
  const one = new BlockList()
  one.addAddress(address, family)
  return one.check(host, family)
}

/**
 * Parses Node's text, `DNS:a, IP Address:::1`. A value with commas, quotes or other special characters is a JSON
 * string.
 */
function alternativeNames(text: string): AlternativeName[] {
  const names: AlternativeName[] = []
  for (const [, kind = '', quoted, bare = ''] of text.matchAll(/([^:,"]+):(?:("(?:[^"\\]|\\.)*")|([^,]*))(?:, |$)/g)) {
    names.push({ kind, value: quoted === undefined ? bare : unquoted(quoted) })
  }
  return names
}

function unquoted(quoted: string): string {
  try {
    return String(JSON.parse(quoted))
  } catch {
    // Such a value matches no host, because no host has these characters.
    return quoted
  }
}
