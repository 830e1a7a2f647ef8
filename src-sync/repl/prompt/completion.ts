/**
 * Completion at the prompt: commands, keywords and names from the catalog that fit at the cursor. For an empty word it offers
 * only what the statement needs at that place, never everything.
 */
import { readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { commandNames } from '../commands/commands.ts'
import { CompletionCatalog, type NameKind } from './completion-catalog.ts'
import { type Fitting, fittingAt } from './completion-place.ts'
import { withoutControls } from '../print/control-text.ts'
import { OBJECT_COMMANDS } from '../catalog/objects.ts'
import { foldName } from '../fold-name.ts'
import { SETTING_NAMES } from '../print/print-settings.ts'
import type { Shell } from '../shell.ts'
import { SQL_COMMANDS } from '../commands/sql-help.ts'
import { FORMATS } from '../print/table.ts'

export type Completion = [candidates: string[], completed: string]

const NAMED_RELATION =
  /\b(?:from|join|into|update|table|copy|on)\s+((?:"[^"]+"|[\p{L}\p{N}_$.])+)(?:\s+(?:as\s+)?([\p{L}_][\p{L}\p{N}_$]*))?/giu
const WORD = /(?:"[^"]*"?|[\p{L}\p{N}_$.])*$/u
const VARIABLE = /(?:^|[^:]):(['"]?)([\p{L}\p{N}_]*)$/u

/** The kinds of a command's arguments, by the command's name and the position of the argument. */
const ARGUMENTS: readonly (readonly [
  names: RegExp,
  kinds: readonly (NameKind | 'files' | 'relations' | 'functions')[],
])[] = [
  [/^(?:i|ir|include|include_relative|o|out|w|write|cd|e|edit|g|gx)$/, ['files']],
  [/^c(?:onnect)?$/, ['databases', 'roles']],
  [/^(?:l\+?|list)$/, ['databases']],
  [/^(?:du|dg)[S+]*$|^password$/, ['roles']],
  [/^dn[S+]*$/, ['schemas']],
  [/^(?:df|da|dfa|dfn|dfp|dft|dfw|sf|ef)[S+]*$/, ['functions']],
  [/^(?:dT|dD)[S+]*$/, ['types']],
  [/^dx\+?$/, ['extensions']],
  [/^dconfig\+?$/, ['settings']],
  [/^d|^z$|^sv\+?$|^ev$|^copy$/, ['relations']],
]
const CHOICES: Readonly<Record<string, readonly string[]>> = {
  x: ['on', 'off', 'auto'],
  t: ['on', 'off'],
  timing: ['on', 'off'],
  expanded: ['on', 'off', 'auto'],
  format: FORMATS,
  linestyle: ['ascii', 'unicode'],
  pager: ['on', 'off', 'always'],
  border: ['0', '1', '2'],
}

export class Completer {
  readonly #shell: Shell
  readonly #buffer: () => string
  readonly #catalog: CompletionCatalog

  /** @param buffer returns the part of the statement that was typed on earlier lines */
  constructor(shell: Shell, buffer: () => string) {
    this.#shell = shell
    this.#buffer = buffer
    this.#catalog = new CompletionCatalog(shell)
  }

  /** @param before the text up to the cursor */
  complete(before: string): Completion {
    const line = before.slice(before.lastIndexOf('\n') + 1)
    if (before.startsWith('> ')) return [[], line]
    const command = /(?:^|\s)\\(\S*)$/.exec(line)
    if (command !== null && !isInQuotes(line)) {
      const names = [...commandNames(), ...OBJECT_COMMANDS].map((name) => `\\${name}`)
      return startingWith(names, `\\${command[1]}`)
    }
    const argument = /^(?:[^'"]*\s)?\\(\S+)\s+((?:.*\s)?)(\S*)$/.exec(line)
    if (argument !== null) return this.#completeArgument(argument[1]!, argument[2]!.trim(), argument[3]!)
    const variable = VARIABLE.exec(line)
    if (variable !== null) return this.#completeVariable(variable[1]!, variable[2]!)
    const typed = WORD.exec(line)?.[0] ?? ''
    return this.#completeSql(`${this.#buffer()}\n${before.slice(0, before.length - typed.length)}`, typed)
  }

  #completeArgument(name: string, before: string, typed: string): Completion {
    const place = before === '' ? 0 : before.split(/\s+/).length
    if (name === 'h' || name === 'help') return this.#completeHelp(before, typed)
    if (name === 'pset') return startingWith(place === 0 ? SETTING_NAMES : (CHOICES[before] ?? []), typed)
    if (name === 'set' || name === 'unset' || name === 'echo') {
      const names = [...this.#shell.variables.entries()].map(([each]) => each)
      return startingWith(place === 0 && name !== 'echo' ? names : [], typed)
    }
    if (CHOICES[name] !== undefined) return startingWith(CHOICES[name], typed)
    const kind = ARGUMENTS.find(([names]) => names.test(name))?.[1][place]
    if (kind === undefined) return [[], typed]
    if (kind === 'files') return startingWith(filesLike(typed), typed)
    return this.#namesFor(kind, typed)
  }

  #completeHelp(before: string, typed: string): Completion {
    const asked = before === '' ? '' : `${before.toUpperCase()} `
    const found = SQL_COMMANDS.filter((each) => each.startsWith(asked)).map(
      (each) => each.slice(asked.length).split(' ')[0]!,
    )
    return startingWith(found, typed)
  }

  #completeVariable(quote: string, typed: string): Completion {
    const names = [...this.#shell.variables.entries()].map(([name]) => `${name}${quote}`)
    return startingWith(names, typed)
  }

  #completeSql(before: string, typed: string): Completion {
    const dot = typed.lastIndexOf('.')
    if (dot > 0) return this.#completeAfterDot(before, typed, typed.slice(0, dot))
    const fitting = fittingAt(before)
    switch (fitting.kind) {
      case 'words':
        return startingWith(this.#inCase(fitting.words, typed), typed)
      case 'setting-values':
        return startingWith(this.#catalog.valuesOf(fitting.setting), typed)
      case 'settings':
        return startingWith(
          [
            ...this.#inCase(['session', 'local', 'role', 'time zone', 'all'], typed),
            ...this.#catalog.names('settings'),
          ],
          typed,
        )
      case 'columns':
        return startingWith(this.#columns(fitting, before, typed), typed)
      default:
        return this.#namesFor(fitting.kind, typed)
    }
  }

  /** Columns of the relations in the statement. Other parts of expressions are offered once their beginning is typed. */
  #columns({ words }: Fitting & { readonly kind: 'columns' }, before: string, typed: string): string[] {
    const relations = namedRelations(before)
    const columns = [...new Set(relations.values())].flatMap((relation) => this.#catalog.columnsOf(relation))
    const aliases = [...relations.keys()]
    if (typed === '') return [...this.#inCase(words, typed), ...columns]
    const keywords = this.#inCase([...words, ...this.#catalog.names('keywords')], typed)
    return [
      ...columns,
      ...aliases.filter((alias) => !alias.includes('.')),
      ...keywords,
      ...this.#catalog.names('functions'),
    ]
  }

  /** Columns of a relation or alias, or the objects of a schema. */
  #completeAfterDot(before: string, typed: string, owner: string): Completion {
    const relation = namedRelations(before).get(foldName(owner)) ?? owner
    const columns = this.#catalog.columnsOf(relation).map((column) => `${owner}.${column}`)
    return startingWith([...columns, ...this.#catalog.within(owner)], typed)
  }

  #namesFor(kind: NameKind, typed: string): Completion {
    const dot = typed.lastIndexOf('.')
    if (dot > 0) return startingWith(this.#catalog.within(typed.slice(0, dot)), typed)
    const names = this.#catalog.names(kind)
    if (kind !== 'relations') return startingWith(names, typed)
    // System relations are offered only when the user types their prefix.
    const own = typed.startsWith('pg_') ? this.#catalog.names('systemRelations') : []
    return startingWith([...names, ...own, ...this.#catalog.names('schemas').map((schema) => `${schema}.`)], typed)
  }

  /** Keywords in the case that COMP_KEYWORD_CASE sets. */
  #inCase(keywords: readonly string[], typed: string): string[] {
    const choice = this.#shell.variables.choice('COMP_KEYWORD_CASE')
    const first = typed[0] ?? ''
    const isLetter = first.toLowerCase() !== first.toUpperCase()
    const preserved = isLetter ? first === first.toUpperCase() : choice === 'preserve-upper'
    const isUpper = choice === 'upper' || (choice !== 'lower' && preserved)
    return keywords.map((word) => (isUpper ? word.toUpperCase() : word))
  }
}

function isInQuotes(line: string): boolean {
  return (line.split("'").length - 1) % 2 === 1
}

function startingWith(names: readonly string[], typed: string): Completion {
  const lower = typed.toLowerCase()
  // Names with control characters are not offered, because they would control the screen.
  const found = names.filter((name) => name.toLowerCase().startsWith(lower) && withoutControls(name) === name)
  const candidates = [...new Set(found)]
  const [only] = candidates
  // A complete word gets a blank after it; a folder or a schema does not, because its name goes on.
  if (candidates.length === 1 && only !== undefined && !/[/.'"(]$/.test(only)) return [[`${only} `], typed]
  return [candidates, typed]
}

/** The relations that a statement mentions, by their names and their aliases. */
function namedRelations(statement: string): Map<string, string> {
  const relations = new Map<string, string>()
  for (const [, name = '', alias] of statement.matchAll(NAMED_RELATION)) {
    relations.set(foldName(name), name)
    if (alias !== undefined) relations.set(foldName(alias), name)
  }
  return relations
}

function filesLike(typed: string): string[] {
  const folder = typed.slice(0, typed.lastIndexOf('/') + 1)
  try {
    const path = folder.startsWith('~/') ? homedir() + folder.slice(1) : folder
    const entries = readdirSync(path === '' ? '.' : path, { withFileTypes: true })
    return entries.map((entry) => `${folder}${entry.name}${entry.isDirectory() ? '/' : ''}`)
  } catch {
    return []
  }
}
