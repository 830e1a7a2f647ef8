/** Rules that a single pattern cannot express, because they compare parts of a statement. When unsure they find nothing. */
import { type StatementText, matchesOf } from './dialect-rule.ts'
import { mixedNames } from './written-names.ts'

const CONSTRAINT = /^(?:constraint|primary|unique|check|foreign|exclude|like)\b/
const NO_TYPE =
  /^(?:(?:[\w$\u0080-\uffff]+|"_*"|`_*`|\[_*\]))\s*(?:$|(?:primary|not|null|unique|check|default|collate|references|generated|constraint|as)\b)/
const NAME = '[\\w$\\u0080-\\uffff]+'

/** The parts of a text between commas outside parentheses, with their offsets. */
function partsOf(masked: string, start: number, end: number): { readonly text: string; readonly offset: number }[] {
  const parts: { text: string; offset: number }[] = []
  let depth = 0
  let from = start
  for (let at = start; at <= end; at++) {
    const unit = masked[at]
    if (unit === '(') depth++
    else if (unit === ')') depth--
    if (at < end && (unit !== ',' || depth > 0)) continue
    const text = masked.slice(from, at)
    parts.push({ text: text.trim(), offset: from + (text.length - text.trimStart().length) })
    from = at + 1
  }
  return parts
}

/** The offset of the parenthesis that closes the one at `opening`; the end of the text when there is none. */
function closing(masked: string, opening: number): number {
  let depth = 0
  for (let at = opening; at < masked.length; at++) {
    if (masked[at] === '(') depth++
    else if (masked[at] === ')' && --depth === 0) return at
  }
  return masked.length
}

/** Finds columns of CREATE TABLE without a type. */
export function untypedColumns({ masked }: StatementText): readonly number[] {
  const head = /^\s*create\s+(?:temp(?:orary)?\s+)?table\b[^(]*\(/.exec(masked)
  if (head === null || /\bas\s*\($/.test(head[0])) return []
  const opening = head[0].length - 1
  return partsOf(masked, opening + 1, closing(masked, opening))
    .filter(({ text }) => text !== '' && !CONSTRAINT.test(text) && NO_TYPE.test(text))
    .map(({ offset }) => offset)
}

/** Finds the second n of `do update set n = n + 1`, when no table is written before it. */
export function addedUp({ masked }: StatementText): readonly number[] {
  const start = /\bdo\s+update\s+set\b/.exec(masked)
  if (start === null) return []
  const from = start.index + start[0].length
  const end = /\b(?:where|returning)\b/.exec(masked.slice(from))
  return partsOf(masked, from, end === null ? masked.length : from + end.index).flatMap(({ text, offset }) => {
    const set = new RegExp(`^(${NAME})\\s*=`).exec(text)
    if (set === null) return []
    const second = new RegExp(`(?<![\\w."@:$])${set[1]!.replaceAll('$', '\\$')}(?![\\w".(])`)
    const found = second.exec(text.slice(set[0].length))
    return found === null ? [] : [offset + set[0].length + found.index]
  })
}

/**
 * Finds NULL as the first value of the first row. It does not look at further rows, because a dump may have a million
 * of them.
 */
export function nullKey({ masked }: StatementText): readonly number[] {
  const before = /\binsert\s+into\b[^;]*?\bvalues\s*\(\s*/.exec(masked)
  if (before === null) return []
  const offset = before.index + before[0].length
  return /^null\b/.test(masked.slice(offset, offset + 5)) ? [offset] : []
}

/** Finds aliases of the select list that are used in HAVING or WHERE of the same SELECT. */
export function having({ masked }: StatementText): readonly number[] {
  return matchesOf(/\b(?:having|where)\b/g, { masked } as StatementText).flatMap((offset) => {
    const select = selectBefore(masked, offset)
    if (select === null) return []
    const from = /\bfrom\b/.exec(masked.slice(select, offset))
    if (from === null) return []
    const list = masked.slice(select, select + from.index)
    const aliases = Array.from(
      list.matchAll(new RegExp(`\\)\\s*(?:as\\s+)?(${NAME})\\s*(?=,|$)`, 'g')),
      ([, alias]) => alias!,
    )
    const clause = clauseAt(masked, offset)
    return aliases
      .filter((alias) => !['over', 'filter'].includes(alias))
      .map((alias) => new RegExp(`(?<![\\w."@:$])${alias.replaceAll('$', '\\$')}(?![\\w".(])`).exec(clause)?.index)
      .filter((index) => index !== undefined)
      .map((index) => offset + index)
  })
}

/** The offset behind the SELECT that a clause belongs to: the nearest SELECT before it at the same depth of parentheses. */
function selectBefore(masked: string, offset: number): number | null {
  let depth = 0
  for (let at = offset; at >= 0; at--) {
    if (masked[at] === ')') depth++
    else if (masked[at] === '(' && --depth < 0) return null
    if (depth === 0 && /^select\b/.test(masked.slice(at, at + 7)) && !/\w/.test(masked[at - 1] ?? '')) return at + 6
  }
  return null
}

/** The text of a clause, up to the next clause or to the closing parenthesis around it. */
function clauseAt(masked: string, offset: number): string {
  let depth = 0
  for (let at = offset; at < masked.length; at++) {
    if (masked[at] === '(') depth++
    else if (masked[at] === ')' && --depth < 0) return masked.slice(offset, at)
    const isNext = depth === 0 && /^(?:group|order|limit|having|union|window)\b/.test(masked.slice(at, at + 8))
    if (at > offset && isNext && !/\w/.test(masked[at - 1] ?? '')) return masked.slice(offset, at)
  }
  return masked.slice(offset)
}

/** Finds plain columns of a select list that its GROUP BY does not name. */
export function bareColumns({ masked }: StatementText): readonly number[] {
  return matchesOf(/\bgroup\s+by\b/g, { masked } as StatementText).flatMap((offset) => {
    const select = selectBefore(masked, offset)
    const from = select === null ? null : /\bfrom\b/.exec(masked.slice(select, offset))
    if (select === null || from === null) return []
    const keys = clauseAt(masked, offset).replace(/^group\s+by/, '')
    const grouped = new Set(partsOf(keys, 0, keys.length).map(({ text }) => text.replace(/^.*\./, '')))
    if ([...grouped].some((text) => /^\d+$/.test(text))) return []
    return partsOf(masked, select, select + from.index)
      .filter(({ text }) => /^[\w.]+(?:\s+(?:as\s+)?\w+)?$/.test(text) && !/^\d/.test(text))
      .filter(({ text }) => {
        const [column = '', alias = ''] = text.replace(/\s+as\s+/, ' ').split(/\s+/)
        return !grouped.has(column.replace(/^.*\./, '')) && !grouped.has(alias)
      })
      .map((part) => part.offset)
  })
}

/** Finds a WITH without RECURSIVE whose query reads the name that it defines. */
export function recursiveWith({ masked }: StatementText): readonly number[] {
  const pattern = new RegExp(`(?:\\bwith\\s+|\\)\\s*,\\s*)(${NAME})\\s*(?:\\([^()]*\\)\\s*)?as\\s*\\(`, 'g')
  if (/\bwith\s+recursive\b/.test(masked)) return []
  return Array.from(masked.matchAll(pattern)).flatMap((found) => {
    const opening = found.index + found[0].length - 1
    const body = masked.slice(opening, closing(masked, opening))
    const reads = new RegExp(`\\b(?:from|join)\\s+(?:[\\w"]+\\s*,\\s*)*${found[1]!.replaceAll('$', '\\$')}\\b`).test(
      body,
    )
    return reads ? [found.index + found[0].indexOf(found[1]!)] : []
  })
}

/** Finds names of mixed case without quotes. */
export function writtenNames({ sql, tokens }: StatementText): readonly number[] {
  return mixedNames(sql, tokens).map(({ start }) => start)
}
