/**
 * Reads the members of a door's classes and interfaces: methods with their options and results. It parses the text that
 * `describeSurface` returns, which has one declaration after the other.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describeSurface } from './declarations.ts'
import { endOf, splitAt, squeezed, unwrapped } from './type-text.ts'

/** One signature of a method or a function. */
export interface Signature {
  readonly parameters: readonly { readonly name: string; readonly type: string; readonly isOptional: boolean }[]
  readonly result: string
}

/** The signatures of a method; empty for a property. */
export interface Member {
  readonly name: string
  readonly signatures: readonly Signature[]
  /** The type of a property; null for a method. */
  readonly type: string | null
}

export interface Door {
  /** The names that the door exports. */
  readonly exports: ReadonlySet<string>
  /**
   * The members of a class or an interface, with the inherited ones; null if there is no class or interface of the
   * name.
   */
  membersOf(name: string): ReadonlyMap<string, Member> | null
  /** The names of exported classes. */
  readonly classes: readonly string[]
  /** Exported functions. */
  readonly functions: ReadonlyMap<string, readonly Signature[]>
  /** The options in a type, by name, each with its type: an interface, an intersection, a union, `Omit`, `Pick` or a literal. */
  optionsOf(type: string): ReadonlyMap<string, string>
  /** The type that an alias stands for; null for other names. */
  aliasOf(name: string): string | null
  /** The files that declare a type; empty for a type that the door does not reach. */
  filesOf(name: string): string
}

const EMITTED = fileURLToPath(new URL('../../dist/types', import.meta.url))
const HEAD = /^(?:export )?(?:declare )?(?:abstract )?(class|interface|type|function) ([\w$]+)/

/** @param path of the door's declarations, under dist/types */
export function readDoor(path: string): Door {
  return doorOf(describeSurface(path, (file) => readFileSync(`${EMITTED}/${file}`, 'utf8')))
}

/** @param surface the result of `describeSurface` */
export function doorOf(surface: string): Door {
  const [list = '', ...rest] = surface.split(/^--- /m)
  const exports = new Map<string, string>()
  for (const line of list.split('\n')) {
    const name = /^ {2}([\w$]+)$/.exec(line)?.[1]
    if (name !== undefined) exports.set(name, name)
  }
  const declared = new Map<string, string[]>()
  const files = new Map<string, string>()
  for (const part of rest) {
    const [file = ''] = part.split('\n', 1)
    for (const statement of statementsOf(part.slice(file.length))) {
      const name = HEAD.exec(statement)?.[2]
      if (name === undefined) continue
      declared.set(name, [...(declared.get(name) ?? []), statement])
      // The blocking API has a function `Date`, while the type of this name is the global one.
      if (!/\bfunction /.test(statement.split('(', 1)[0] ?? '')) files.set(name, `${files.get(name) ?? ''} ${file}`)
    }
  }
  const kindOf = (name: string): string | undefined => HEAD.exec(declared.get(name)?.[0] ?? '')?.[1]
  const membersOf = (name: string): ReadonlyMap<string, Member> | null => {
    // Two files may each have an interface of this name, and one may extend the other under an alias.
    const statements = (declared.get(name) ?? []).filter(
      (text, index) => index === 0 || /^(?:export )?interface/.test(text),
    )
    if (statements.length === 0 || !['class', 'interface'].includes(kindOf(name) ?? '')) return null
    return new Map(statements.flatMap((statement) => [...membersIn(statement)]))
  }
  const membersIn = (statement: string): ReadonlyMap<string, Member> => {
    const open = statement.indexOf('{')
    const parents = /\bextends (.*?)(?: implements .*)?$/s.exec(statement.slice(0, open).trim())?.[1] ?? ''
    const members = new Map<string, Member>()
    for (const parent of splitAt(parents, ',')) {
      const inherited = membersOf(parent.replace(/<.*$/s, '').trim())
      for (const [key, member] of inherited ?? []) members.set(key, member)
      if (inherited !== null) continue
      for (const [key, type] of optionsOf(parent)) members.set(key, { name: key, signatures: [], type })
    }
    const own = new Set<string>()
    for (const part of splitAt(statement.slice(open + 1, statement.lastIndexOf('}')), ';')) {
      const member = readMember(part.trim())
      if (member === null) continue
      const before = own.has(member.name) ? members.get(member.name) : undefined
      own.add(member.name)
      const signatures = [...(before?.signatures ?? []), ...member.signatures]
      members.set(member.name, { ...member, signatures })
    }
    return members
  }
  const optionsOf = (type: string): ReadonlyMap<string, string> => {
    const text = unwrapped(type)
    for (const operator of ['&', '|']) {
      const parts = splitAt(text, operator)
      if (parts.length > 1) return together(parts.map(optionsOf))
    }
    if (text.startsWith('{')) {
      const members = splitAt(text.slice(1, -1), ';').map((part) => readMember(part.trim()))
      return typesOf(members.filter((member) => member !== null))
    }
    const [, name = '', given = ''] = /^([\w$]+)(?:<(.*)>)?$/s.exec(text) ?? []
    if (name === 'Omit' || name === 'Pick') {
      const [from = '', keys = ''] = splitAt(given, ',')
      const named = new Set([...keys.matchAll(/'(\w+)'/g)].map(([, key]) => key))
      return new Map([...optionsOf(from)].filter(([key]) => named.has(key) === (name === 'Pick')))
    }
    if (name === 'Readonly' || name === 'Partial' || name === 'Required') return optionsOf(given)
    const members = membersOf(name)
    if (members !== null) return typesOf([...members.values()])
    const alias = aliasOf(name, splitAt(given, ','))
    return alias === null ? new Map() : optionsOf(alias)
  }
  /** @param given the types for the type parameters of the alias */
  const aliasOf = (name: string, given: readonly string[] = []): string | null => {
    if (kindOf(name) !== 'type') return null
    const [, head = '', type = ''] = /^([^=]*)=(.*?);?\s*$/s.exec(declared.get(name)?.[0] ?? '') ?? []
    const parameters = splitAt(/<(.*)>/s.exec(head)?.[1] ?? '', ',').map((each) => each.trim().split(/\s/)[0])
    const filled = type.replaceAll(/[\w$]+/g, (word) => given[parameters.indexOf(word)]?.trim() ?? word)
    return squeezed(filled)
  }
  const functions = new Map<string, Signature[]>()
  for (const name of exports.keys()) {
    if (kindOf(name) !== 'function') continue
    const read = (declared.get(name) ?? []).map((text) =>
      readMember(text.replace(/^.*?function /s, '').replace(/;\s*$/, '')),
    )
    functions.set(
      name,
      read.flatMap((member) => member?.signatures ?? []),
    )
  }
  const classes = [...exports.keys()].filter((name) => kindOf(name) === 'class')
  return {
    exports: new Set(exports.keys()),
    membersOf,
    classes,
    functions,
    optionsOf,
    aliasOf: (name) => aliasOf(name),
    filesOf: (name) => files.get(name) ?? '',
  }
}

/** The options by name. A method has the type of a function. */
function typesOf(members: readonly Member[]): Map<string, string> {
  const written = ({ parameters, result }: Signature): string =>
    `(${parameters.map(({ name, type }) => `${name}: ${type}`).join(', ')}) => ${result}`
  return new Map(members.map(({ name, type, signatures }) => [name, type ?? signatures.map(written).join(' | ')]))
}

/** The options of all parts. An option that several parts have takes what any of them takes. */
function together(parts: readonly ReadonlyMap<string, string>[]): Map<string, string> {
  const all = new Map<string, string>()
  for (const [name, type] of parts.flatMap((part) => [...part])) {
    const known = all.get(name)
    all.set(name, known === undefined || known === type ? type : `${known} | ${type}`)
  }
  return all
}

/** Top-level statements: each begins at the start of a line, and what belongs to it is indented or closes it. */
function statementsOf(text: string): string[] {
  const statements: string[] = []
  for (const line of text.split('\n')) {
    if (/^\w/.test(line)) statements.push(line)
    else if (statements.length > 0) statements[statements.length - 1] += `\n${line}`
  }
  return statements
}

function readMember(text: string): Member | null {
  const plain = text.replace(/^(?:(?:public|protected|static|readonly|declare|abstract|get|set) +)+(?=[\w$[#])/, '')
  const [, name] = /^(#?[\w$]+|\[Symbol\.\w+\])/.exec(plain) ?? []
  if (name === undefined || name === 'constructor' || name.startsWith('#') || /^(?:private|static) /.test(text))
    return null
  let rest = plain.slice(name.length).replace(/^\?/, '')
  const isAccessor = /^(?:get|set) /.test(text)
  if (rest.startsWith('<')) rest = rest.slice(endOf(rest, 0) + 1)
  if (!rest.startsWith('(')) return { name, signatures: [], type: squeezed(rest.replace(/^:/, '')) }
  const close = endOf(rest, 0)
  const result = squeezed(rest.slice(close + 1).replace(/^:/, ''))
  if (isAccessor) return text.startsWith('set ') ? null : { name, signatures: [], type: result }
  const parameters = splitAt(rest.slice(1, close), ',').map((part) => {
    const [, parameter = '', mark, type = ''] = /^\s*(?:\.\.\.)?([\w$]+)(\?)?\s*:?([\s\S]*)$/.exec(part) ?? []
    return { name: parameter, type: squeezed(type), isOptional: mark === '?' }
  })
  return { name, signatures: [{ parameters, result }], type: null }
}
