/**
 * Brings a type of a door into a form in which the types of both doors are equal if they mean the same to a program: a
 * promise of a value is the value, an async iterable is an iterable, and the order of a union does not count.
 */
import type { Door } from './door-members.ts'
import { splitAt, topLevel, unwrapped } from './type-text.ts'

export interface ComparedType {
  /** Equal for types that mean the same. */
  readonly key: string
  /** For people. */
  readonly text: string
}

/** @param shared the names that both doors export. Their declarations are compared under their own names. */
export function comparedType(door: Door, type: string, shared: ReadonlySet<string>): ComparedType {
  const text = plain(type)
  return { key: plain(expanded(door, text, shared)), text }
}

/**
 * Replaces aliases by the types for which they stand, and gives each other name the file that declares it: two files may
 * declare different types of one name.
 */
function expanded(door: Door, type: string, shared: ReadonlySet<string>, depth = 0): string {
  if (depth > 5) return type
  return type.replaceAll(/'[^']*'|[\w$]+/g, (word) => {
    if (shared.has(word)) return word
    const alias = door.aliasOf(word)
    return alias === null ? word + door.filesOf(word) : `(${expanded(door, alias, shared, depth + 1)})`
  })
}

function plain(type: string): string {
  const text = unwrapped(type.replace(/^readonly /, ''))
  const arrow = topLevel(text, '=>')
  if (arrow !== -1) return `${simple(text.slice(0, arrow))}=> ${plain(text.slice(arrow + 2))}`
  const parts = splitAt(text, '|').map((part) => part.trim())
  if (parts.length > 1) {
    const members = parts
      .map(plain)
      .flatMap((part) => (topLevel(part, '=>') === -1 ? splitAt(part, '|') : [`(${part})`]))
    return [...new Set(members.map((member) => member.trim()))]
      .filter((member) => member !== 'undefined')
      .toSorted()
      .join(' | ')
  }
  const [, name = '', given] = /^([\w$]+)<(.*)>$/s.exec(text) ?? []
  if (name === 'Promise' || name === 'Awaited') return plain(given ?? '')
  return simple(text)
}

function simple(text: string): string {
  return text
    .replaceAll(/\bPromise<((?:[^<>]|<[^<>]*>)*)>/g, (_all, inner: string) => inner)
    .replaceAll(/\bAsync(?=Itera|Generator|Disposable)/g, '')
    .replaceAll(/\b[RV]\b/g, 'T')
    .replaceAll(/\breadonly /g, '')
    .replaceAll('?:', ':')
    .replaceAll(/ \| undefined\b/g, '')
}
