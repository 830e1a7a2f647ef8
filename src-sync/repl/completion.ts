/**
 * Completion at the prompt: keywords, relations, columns, functions, schemas and commands, from the catalog, which is
 * asked when somebody presses Tab, and asked again after something was created, changed or dropped.
 */
import { readdirSync } from 'node:fs'
import { DbError } from '../index.ts'
import { askCatalog } from './ask-catalog.ts'
import { commandNames } from './commands.ts'
import { withoutControls } from './control-text.ts'
import { OBJECT_COMMANDS } from './objects.ts'
import { SETTING_NAMES } from './print-settings.ts'
import type { Shell } from './shell.ts'

export type Completion = [candidates: string[], completed: string]

interface Catalog {
  readonly keywords: readonly string[]
  readonly schemas: readonly string[]
  readonly functions: readonly string[]
  /** By name, quoted where it must be; with the schema where the search path does not show it. */
  readonly relations: readonly string[]
}

/** Of one kind, so that a large database does not make the first Tab wait. */
const MOST_NAMES = 20_000

const KEYWORDS = `select word from pg_catalog.pg_get_keywords() order by 1`
const SCHEMAS = `select pg_catalog.quote_ident(nspname) from pg_catalog.pg_namespace where nspname !~ '^pg_(toast|temp)' order by 1`
const FUNCTIONS = `select distinct pg_catalog.quote_ident(proname) from pg_catalog.pg_proc
where pg_catalog.pg_function_is_visible(oid) and proname !~ '^(pg_|RI_)' order by 1 limit ${MOST_NAMES}`
const RELATIONS = `select case when pg_catalog.pg_table_is_visible(c.oid) then '' else pg_catalog.quote_ident(n.nspname) || '.' end
  || pg_catalog.quote_ident(c.relname)
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname !~ '^pg_toast' order by 1 limit ${MOST_NAMES}`

/** Words before a relation. */
const BEFORE_RELATION =
  /\b(?:from|join|into|update|table|truncate|analyze|vacuum|references|on|copy|view|only|using)\s+$/i
const NAMED_RELATION =
  /\b(?:from|join|into|update|table|copy)\s+((?:"[^"]+"|[\p{L}\p{N}_$.])+)(?:\s+(?:as\s+)?([\p{L}_][\p{L}\p{N}_$]*))?/giu

export class Completer {
  readonly #shell: Shell
  readonly #buffer: () => string
  #catalog: Catalog | null = null
  #columns = new Map<string, string[]>()
  #generation = -1

  /** @param buffer what of the statement has been typed on earlier lines */
  constructor(shell: Shell, buffer: () => string) {
    this.#shell = shell
    this.#buffer = buffer
  }

  complete(line: string): Completion {
    const command = /^\s*\\(\S*)$/.exec(line)
    if (command !== null)
      return startingWith(
        [...commandNames(), ...OBJECT_COMMANDS].map((name) => `\\${name}`),
        `\\${command[1]}`,
      )
    const argument = /^\s*\\(\S+)\s+(?:.*\s)?(\S*)$/.exec(line)
    if (argument !== null) return this.#completeArgument(argument[1] ?? '', argument[2] ?? '')
    if (line.startsWith('> ')) return [[], line]
    const typed = /(?:"[^"]*"?|[\p{L}\p{N}_$.])*$/u.exec(line)?.[0] ?? ''
    return this.#completeSql(line.slice(0, line.length - typed.length), typed)
  }

  #completeArgument(name: string, typed: string): Completion {
    if (name === 'pset') return startingWith(SETTING_NAMES, typed)
    if (/^(?:i|ir|include|o|out|w|cd|e|edit)$/.test(name)) return startingWith(filesLike(typed), typed)
    if (name === 'x') return startingWith(['on', 'off', 'auto'], typed)
    if (name === 'dn') return startingWith(this.#known()?.schemas ?? [], typed)
    if (/^(?:df|sf)/.test(name)) return startingWith(this.#known()?.functions ?? [], typed)
    if (/^[dlz]|^sv$|^copy$/.test(name)) return startingWith(this.#known()?.relations ?? [], typed)
    return [[], typed]
  }

  #completeSql(before: string, typed: string): Completion {
    const catalog = this.#known()
    if (catalog === null) return [[], typed]
    const statement = `${this.#buffer()} ${before}`
    const relations = namedRelations(statement + typed)
    const dot = typed.lastIndexOf('.')
    if (dot > 0) {
      const owner = typed.slice(0, dot)
      const relation = relations.get(owner.toLowerCase()) ?? owner
      const columns = this.#columnsOf(relation).map((column) => `${owner}.${column}`)
      return startingWith([...columns, ...this.#relationsIn(owner)], typed)
    }
    if (BEFORE_RELATION.test(before)) return startingWith([...catalog.relations, ...catalog.schemas], typed)
    const columns = [...new Set(relations.values())].flatMap((relation) => this.#columnsOf(relation))
    const isUpper = typed !== '' && typed === typed.toUpperCase() && typed !== typed.toLowerCase()
    const keywords = isUpper ? catalog.keywords.map((word) => word.toUpperCase()) : catalog.keywords
    return startingWith([...columns, ...keywords, ...catalog.relations, ...catalog.functions], typed)
  }

  /** null where it cannot be asked: no connection, or a transaction that has failed. */
  #known(): Catalog | null {
    const shell = this.#shell
    if (this.#generation !== shell.generation) {
      this.#catalog = null
      this.#columns.clear()
      this.#generation = shell.generation
    }
    if (this.#catalog !== null) return this.#catalog
    const names = (sql: string): string[] => this.#ask(sql)
    const keywords = names(KEYWORDS)
    if (keywords.length === 0) return null
    this.#catalog = { keywords, schemas: names(SCHEMAS), functions: names(FUNCTIONS), relations: names(RELATIONS) }
    return this.#catalog
  }

  #columnsOf(relation: string): string[] {
    const known = this.#columns.get(relation)
    if (known !== undefined) return known
    const literal = `'${relation.replaceAll("'", "''")}'`
    const columns = this.#ask(`select pg_catalog.quote_ident(attname) from pg_catalog.pg_attribute
where attrelid = pg_catalog.to_regclass(${literal}) and attnum > 0 and not attisdropped order by attnum`)
    this.#columns.set(relation, columns)
    return columns
  }

  #relationsIn(schema: string): string[] {
    const literal = `'${schema.replaceAll('"', '').replaceAll("'", "''")}'`
    return this.#ask(`select pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = ${literal} and c.relkind in ('r', 'p', 'v', 'm', 'f') order by 1 limit ${MOST_NAMES}`)
  }

  #ask(sql: string): string[] {
    const { connection } = this.#shell
    if (connection.closed || connection.info.status === 'failed') return []
    try {
      return askCatalog(this.#shell, sql).map(([name]) => name ?? '')
    } catch (failure) {
      if (failure instanceof DbError) return []
      throw failure
    }
  }
}

function startingWith(names: readonly string[], typed: string): Completion {
  const lower = typed.toLowerCase()
  // A name that would steer the screen is typed by whoever wants it.
  const found = names.filter((name) => name.toLowerCase().startsWith(lower) && withoutControls(name) === name)
  const candidates = [...new Set(found)]
  const [only] = candidates
  // What is complete is left behind; a folder goes on.
  if (candidates.length === 1 && only !== undefined && !only.endsWith('/')) return [[`${only} `], typed]
  return [candidates, typed]
}

/** Relations a statement names, by their own names and by their aliases. */
function namedRelations(statement: string): Map<string, string> {
  const relations = new Map<string, string>()
  for (const [, name = '', alias] of statement.matchAll(NAMED_RELATION)) {
    relations.set(name.toLowerCase(), name)
    if (alias !== undefined) relations.set(alias.toLowerCase(), name)
  }
  return relations
}

function filesLike(typed: string): string[] {
  const folder = typed.slice(0, typed.lastIndexOf('/') + 1)
  try {
    const entries = readdirSync(folder === '' ? '.' : folder, { withFileTypes: true })
    return entries.map((entry) => `${folder}${entry.name}${entry.isDirectory() ? '/' : ''}`)
  } catch {
    return []
  }
}
