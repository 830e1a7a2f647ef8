/**
 * The target of `\c`: the parts that it names, and the parts that it takes from the previous connection. Connection strings
 * are parsed only as far as this needs; `connect` parses the result. Source: PostgreSQL, src/bin/psql/command.c, do_connect.
 */
import { userInfo } from 'node:os'
import type { ConnectOptions, DbError } from '../index.ts'
import { ShellError } from './print/complaint.ts'
import { readSwitch } from './variables.ts'

/** The arguments for `connect`. */
export interface Target {
  readonly dsn: string | undefined
  readonly options: ConnectOptions
}

interface Previous extends Target {
  readonly user: string
  readonly host: string | null
  readonly port: number | null
}

const URI = /^(?:postgres(?:ql)?:\/\/|pglite:)/
const REUSE = /^-reuse-previous=(.*)$/
/** Keywords that have an option on the command line, which overrides a connection string. */
const OPTION_OF = { host: 'host', port: 'port', user: 'user', dbname: 'database', password: 'password' } as const

/** @param words the arguments of `\c [-reuse-previous=on|off] [dbname [user [host [port]]]]`, or a connection string */
export function targetOf(words: readonly string[], previous: Previous): Target {
  const reuse = REUSE.exec(words[0] ?? '')?.[1]
  const given = reuse === undefined ? words : words.slice(1)
  const isReused = reuse === undefined ? null : readSwitch(reuse, '-reuse-previous')
  const [target] = given
  if (target === undefined || !(URI.test(target) || target.includes('=')))
    return named(given, previous, isReused ?? true)
  if (given.length > 1)
    throw new ShellError('Do not give user, host, or port separately when using a connection string')
  if (isReused !== true) return { dsn: target, options: {} }
  return URI.test(target) ? reusedByUri(target, previous) : reusedByKeywords(readKeywords(target), previous)
}

function named(words: readonly string[], previous: Previous, isReused: boolean): Target {
  const [database, user, host, port] = words.map((word) => (word === '-' || word === '' ? undefined : word))
  const given = new Map(Object.entries({ dbname: database, user, host, port }).filter(isGiven))
  if (isReused) return reusedByKeywords(given, previous)
  return { dsn: undefined, options: optionsOf(given) }
}

/** Adds keywords to the previous target. The previous address and password are not used for another server. */
function reusedByKeywords(given: ReadonlyMap<string, string>, previous: Previous): Target {
  const isSame =
    (!given.has('user') || given.get('user') === previous.user) &&
    (!given.has('host') || given.get('host') === previous.host) &&
    (!given.has('port') || given.get('port') === String(previous.port))
  const dropped = [...(isSame ? [] : ['password']), ...(given.has('host') ? ['hostaddr'] : [])]
  const options = Object.fromEntries(Object.entries(previous.options).filter(([name]) => !dropped.includes(name)))
  const plain = new Map([...given].filter(([keyword]) => keyword in OPTION_OF))
  const others = new Map([...given].filter(([keyword]) => !(keyword in OPTION_OF)))
  return { dsn: overlaid(previous.dsn, others, dropped), options: { ...options, ...optionsOf(plain) } }
}

/** A URI names its own server; user, host and port that it leaves out come from the previous connection. */
function reusedByUri(target: string, { user, host, port }: Previous): Target {
  if (!target.startsWith('postgres')) return { dsn: target, options: {} }
  const { username, hostname, port: namedPort } = new URL(target.replace(/^postgres(?:ql)?/, 'http'))
  return {
    dsn: target,
    options: {
      ...(username === '' ? { user } : {}),
      ...(hostname === '' && host !== null ? { host } : {}),
      ...(namedPort === '' && port !== null && hostname === '' ? { port } : {}),
    },
  }
}

function optionsOf(keywords: ReadonlyMap<string, string>): ConnectOptions {
  return Object.fromEntries(
    [...keywords].map(([keyword, value]) => [OPTION_OF[keyword as keyof typeof OPTION_OF], value]),
  )
}

/** A connection string with some keywords added and others removed. */
function overlaid(
  dsn: string | undefined,
  added: ReadonlyMap<string, string>,
  dropped: readonly string[],
): string | undefined {
  if (added.size === 0 && (dsn === undefined || dropped.length === 0)) return dsn
  if (dsn !== undefined && URI.test(dsn)) return overlaidUri(dsn, added, dropped)
  const keywords = dsn === undefined ? new Map<string, string>() : readKeywords(dsn)
  for (const keyword of dropped) keywords.delete(keyword)
  for (const [keyword, value] of added) keywords.set(keyword, value)
  return [...keywords].map(([keyword, value]) => `${keyword}='${value.replace(/['\\]/g, '\\$&')}'`).join(' ')
}

function overlaidUri(dsn: string, added: ReadonlyMap<string, string>, dropped: readonly string[]): string {
  const [, head = '', query = ''] = /^([^?]*)\??([^]*)$/.exec(dsn) ?? []
  const kept = query.split('&').filter((part) => part !== '' && !dropped.includes(part.split('=')[0]!))
  const parts = [...kept, ...[...added].map(([keyword, value]) => `${keyword}=${encodeURIComponent(value)}`)]
  const start = dropped.includes('password') ? head.replace(/^([^:]+:\/\/[^:@/]*):[^@/]*@/, '$1@') : head
  return parts.length === 0 ? start : `${start}?${parts.join('&')}`
}

/** Parses `keyword=value`, with quoted values. @throws ShellError with libpq's messages. */
function readKeywords(text: string): Map<string, string> {
  const keywords = new Map<string, string>()
  let at = 0
  const skipSpace = (): void => {
    while (/\s/.test(text[at] ?? '')) at += 1
  }
  for (skipSpace(); at < text.length; skipSpace()) {
    const name = /^[^\s=]*/.exec(text.slice(at))![0]
    at += name.length
    skipSpace()
    if (text[at] !== '=') throw new ShellError(`missing "=" after "${name}" in connection info string`)
    at += 1
    skipSpace()
    const isQuoted = text[at] === "'"
    if (isQuoted) at += 1
    let value = ''
    for (; at < text.length && (isQuoted ? text[at] !== "'" : !/\s/.test(text[at]!)); at++) {
      if (text[at] === '\\') at += 1
      value += text[at] ?? ''
    }
    if (isQuoted && text[at] !== "'") throw new ShellError('unterminated quoted string in connection info string')
    if (isQuoted) at += 1
    keywords.set(name, value)
  }
  return keywords
}

function isGiven(entry: [string, string | undefined]): entry is [string, string] {
  return entry[1] !== undefined
}

/** Whether a connection was refused because of a missing or wrong password. */
export function isAboutPassword(failure: DbError): boolean {
  return failure.sqlstate === '28P01' || /password/.test(failure.message)
}

/** The user name of a connection, for the password question. */
export function userOf(dsn: string | undefined, options: ConnectOptions): string {
  if (options.user !== undefined) return options.user
  const named = dsn === undefined ? undefined : URI.test(dsn) ? uriUser(dsn) : readKeywords(dsn).get('user')
  return named ?? process.env['PGUSER'] ?? userInfo().username
}

function uriUser(dsn: string): string | undefined {
  const user = /^[^:]+:\/\/([^:@/?]+)(?::[^@/]*)?@/.exec(dsn)?.[1] ?? /[?&]user=([^&]*)/.exec(dsn)?.[1]
  return user === undefined ? undefined : decodeURIComponent(user)
}
