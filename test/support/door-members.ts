/**
 * Reads the members of a door's classes and interfaces: methods with their options and results. It parses the text that
 * `describeSurface` returns, which has one declaration after the other.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describeSurface } from './declarations.ts'

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
  /** The names of the options in a type: an interface, an intersection, a union, `Omit`, `Pick` or a literal. */
  optionsOf(type: string): ReadonlySet<string>
}

const EMITTED = fileURLToPath(new URL('../../dist/types', import.meta.url))
const HEAD = /^(?:export )?(?:declare )?(?:abstract )?(class|interface|type|function) ([\w$]+)/

/** @param path of the door's declarations, under dist/types */
export function readDoor(path: string): Door {
  return doorOf(describeSurface(path, (file) => readFileSync(`${EMITTED}/${file}`, 'utf8')))
}

/** @param surface the result of `describeSurface` */
export function doorOf(surface: string): Door {
  const [list = '', ...rest] = surface.split(/^--- .*$/m)
  const exports = new Map<string, string>()
  for (const line of list.split('\n')) {
    const name = /^ {2}([\w$]+)$/.exec(line)?.[1]
    if (name !== undefined) exports.set(name, name)
  }
  const declared = new Map<string, string[]>()
  for (const statement of statementsOf(rest.join('\n'))) {
    const name = HEAD.exec(statement)?.[2]
    if (name !== undefined) declared.set(name, [...(declared.get(name) ?? []), statement])
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
      for (const key of optionsOf(parent)) members.set(key, { name: key, signatures: [], type: null })
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
  const optionsOf = (type: string): ReadonlySet<string> => {
    const text = unwrapped(type)
    for (const operator of ['&', '|']) {
      const parts = splitAt(text, operator)
      if (parts.length > 1) return new Set(parts.flatMap((part) => [...optionsOf(part)]))
    }
    if (text.startsWith('{')) {
      return new Set(splitAt(text.slice(1, -1), ';').flatMap((part) => readMember(part.trim())?.name ?? []))
    }
    const [, name = '', given] = /^([\w$]+)(?:<(.*)>)?$/s.exec(text) ?? []
    if ((name === 'Omit' || name === 'Pick') && given !== undefined) {
      const [from = '', keys = ''] = splitAt(given, ',')
      const named = new Set([...keys.matchAll(/'(\w+)'/g)].map(([, key]) => key))
      return new Set([...optionsOf(from)].filter((key) => named.has(key) === (name === 'Pick')))
    }
    if (name === 'Readonly' || name === 'Partial' || name === 'Required') return optionsOf(given ?? '')
    const members = membersOf(name)
    if (members !== null) return new Set(members.keys())
    const alias = kindOf(name) === 'type' ? declared.get(name)?.[0] : undefined
    return alias === undefined ? new Set() : optionsOf(alias.slice(alias.indexOf('=') + 1).replace(/;\s*$/, ''))
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
  return { exports: new Set(exports.keys()), membersOf, classes, functions, optionsOf }
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

function unwrapped(type: string): string {
  const text = type.trim().replace(/^[&|]\s*/, '')
  return text.startsWith('(') && endOf(text, 0) === text.length - 1 ? unwrapped(text.slice(1, -1)) : text
}

function squeezed(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim()
}

/** Where the bracket that opens at `start` is closed. */
function endOf(text: string, start: number): number {
  let depth = 0
  for (let at = start; at < text.length; at++) {
    const letter = text[at] as string
    if ('([{<'.includes(letter)) depth += 1
    else if (')]}'.includes(letter) || (letter === '>' && text[at - 1] !== '=')) depth -= 1
    if (depth === 0) return at
  }
  return text.length
}

/** The parts of a text between separators outside of brackets; none of an empty one. */
function splitAt(text: string, separator: string): string[] {
  const parts: string[] = []
  let from = 0
  for (let at = 0; at < text.length; at++) {
    const letter = text[at] as string
    if ('([{<'.includes(letter)) at = endOf(text, at)
    else if (letter === separator) {
      parts.push(text.slice(from, at))
      from = at + 1
    }
  }
  parts.push(text.slice(from))
  return parts.filter((part) => part.trim() !== '')
}
