/** `\d` and its family: lists of the objects in a database. The queries are our own, the output is psql's. */
import { type ListRequest, askCatalog, askTable, serverVersion } from './ask-catalog.ts'
import type { Call } from '../commands/command-call.ts'
import { ShellError } from '../print/complaint.ts'
import { describeRelations } from './describe-relation.ts'
import {
  AGGREGATES,
  DOMAINS,
  EXTENSIONS,
  KIND_NAMES,
  LANGUAGES,
  type List,
  NO_SYSTEM,
  OWNER,
  PRIVILEGES,
  SCHEMAS,
  TABLESPACES,
  databaseList,
  functionList,
  roleList,
  typeList,
} from './object-lists.ts'
import { orOf, patternConditions, readPattern } from './pattern.ts'
import { partitionedList } from './partitioned-list.ts'
import { showConfigurations, showParsers } from './text-search.ts'
import { showPublications } from './publications.ts'
import { RARER_COMMANDS, rarerList } from './rarer-lists.ts'
import type { Shell } from '../shell.ts'
import { showSource } from '../commands/source-commands.ts'

/** The commands, for completion. The letters of relations and functions can be combined: `\dtv`. */
export const OBJECT_COMMANDS: readonly string[] = [
  'd',
  'dt',
  'dv',
  'dm',
  'di',
  'ds',
  'dE',
  'dn',
  'df',
  'da',
  'du',
  'dg',
  'dT',
  'dx',
  'dp',
  'dD',
  'db',
  'dL',
  'dP',
  ...RARER_COMMANDS,
  'l',
  'list',
  'z',
  'sf',
  'sv',
]

export function isObjectCommand(name: string): boolean {
  const kind = name.replace(/[+S]*$/, '')
  return (
    /^(?:d|d[tvmisE]+|df[anptw]*|dP[itn]*|d[nauTxgpDbL]|l|list|z|s[fv])$/.test(kind) || RARER_COMMANDS.includes(kind)
  )
}

export function describeObjects(call: Call): boolean {
  const { name, words, shell } = call
  const flags = /[+S]*$/.exec(name)?.[0] ?? ''
  const kind = name.slice(0, name.length - flags.length)
  const how: ListRequest = {
    isVerbose: flags.includes('+'),
    hasSystem: flags.includes('S'),
    pattern: words[0],
    second: words[1],
    more: words.slice(1),
  }
  for (const pattern of [how.pattern, ...(RARER_COMMANDS.includes(kind) ? [how.second] : [])]) {
    requireThisDatabase(shell, pattern, kind === 'dn' || kind === 'dL' ? 2 : 3)
  }
  if (kind === 'd' && how.pattern !== undefined) return describeRelations(shell, how.pattern, how)
  if (kind === 'sf' || kind === 'sv') return showSource(call, kind === 'sf' ? 'function' : 'view', how.isVerbose)
  if (kind === 'd' || /^d[tvmisE]+$/.test(kind)) return listRelations(shell, kind.slice(1), how)
  if (kind === 'dx' && how.isVerbose) return showExtensions(shell, how)
  if (kind === 'dRp' && how.isVerbose) return showPublications(shell, how)
  if (kind === 'dF' && how.isVerbose) return showConfigurations(shell, how)
  if (kind === 'dFp' && how.isVerbose) return showParsers(shell, how)
  const list = listOf(shell, kind, how)
  if (list === null) throw new ShellError(`invalid command \\${name}`)
  showList(shell, list, how)
  return true
}

/** A pattern with the greatest number of parts begins with a database, which must be the current one. */
function requireThisDatabase(shell: Shell, pattern: string | undefined, most: number): void {
  if (pattern === undefined) return
  const parts = readPattern(pattern)
  const { database } = shell.connection.info
  if (parts.length !== most || parts[0]!.replace(/\\(.)/g, '$1') === database) return
  throw new ShellError(`cross-database references are not implemented: ${pattern}`)
}

function showList(shell: Shell, list: List, how: ListRequest): number {
  const last = list.last === undefined ? [] : [list.last]
  const columns = how.isVerbose ? [...list.columns, ...list.more, ...last] : [...list.columns, ...last]
  const hides = !how.hasSystem && how.pattern === undefined ? (list.ordinary ?? []) : []
  const where = [...(list.where ?? []), ...hides, ...conditionsOf(how, list)]
  const condition = where.length === 0 ? '' : `\nwhere ${where.join('\n  and ')}`
  const sql = `select ${columns.join(',\n  ')}\nfrom ${list.from}${condition}\norder by ${list.order}`
  const table = askTable(shell, sql, list.title)
  const shown = list.hasNoFooter === true ? { ...table, footers: [] } : table
  const isQuiet = shell.variables.isOn('QUIET')
  if (table.rowCount === 0 && list.whenEmpty !== undefined && !isQuiet) shell.remark(`${list.whenEmpty}\n`)
  else if (table.rowCount > 0 || list.title !== RELATIONS || isQuiet) shell.show(shown, { ...shell.print, rowLimit: 0 })
  return table.rowCount
}

function conditionsOf({ pattern, second }: ListRequest, list: List): string[] {
  const groups = [list.pattern].flat().map((columns) => patternConditions(pattern, columns))
  const isOpen = groups.some((group) => group.length === 0)
  const first = groups.length === 1 ? groups[0]! : isOpen ? [] : [orOf(groups.map((group) => group.join(' and ')))]
  return list.secondPattern === undefined ? first : [...first, ...patternConditions(second, list.secondPattern)]
}

const RELATIONS = 'List of relations'
const KIND_LETTERS: Readonly<Record<string, string>> = { t: 'rp', v: 'v', m: 'm', i: 'iI', s: 'S', E: 'f' }
function listRelations(shell: Shell, letters: string, how: ListRequest): boolean {
  const wanted = letters === '' ? 'tvmsE' : letters
  let kinds = [...wanted].map((letter) => KIND_LETTERS[letter]).join('')
  if (wanted.includes('t') && (how.hasSystem || how.pattern !== undefined)) kinds += 't'
  const withIndexes = wanted.includes('i')
  const withMethods = /[tmi]/.test(wanted) && !shell.variables.isOn('HIDE_TABLEAM')
  const list: List = {
    title: RELATIONS,
    columns: [
      'n.nspname as "Schema"',
      'c.relname as "Name"',
      `${KIND_NAMES} as "Type"`,
      OWNER('c.relowner'),
      ...(withIndexes ? ['c2.relname as "Table"'] : []),
    ],
    more: [
      `case c.relpersistence when 'p' then 'permanent' when 't' then 'temporary' when 'u' then 'unlogged' end as "Persistence"`,
      ...(withMethods ? ['am.amname as "Access method"'] : []),
      'pg_catalog.pg_size_pretty(pg_catalog.pg_table_size(c.oid)) as "Size"',
      `pg_catalog.obj_description(c.oid, 'pg_class') as "Description"`,
    ],
    from: `pg_catalog.pg_class c
  left join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join pg_catalog.pg_am am on am.oid = c.relam${
    withIndexes
      ? `
  left join pg_catalog.pg_index i on i.indexrelid = c.oid
  left join pg_catalog.pg_class c2 on i.indrelid = c2.oid`
      : ''
  }`,
    where: [`c.relkind in (${[...kinds].map((kind) => `'${kind}'`).join(', ')})`],
    ordinary: [...NO_SYSTEM, "n.nspname !~ '^pg_toast'"],
    pattern: { schema: 'n.nspname', name: 'c.relname', visible: 'pg_catalog.pg_table_is_visible(c.oid)' },
    order: '1, 2',
  }
  if (showList(shell, list, how) > 0) return true
  const named = how.pattern === undefined ? '' : ` named "${how.pattern}"`
  if (!shell.variables.isOn('QUIET')) {
    shell.remark(`Did not find any ${how.pattern === undefined ? 'relations' : 'relation'}${named}.\n`)
  }
  return true
}

/** The lists that need only one query. */
function listOf(shell: Shell, kind: string, how: ListRequest): List | null {
  switch (kind) {
    case 'dn':
      return SCHEMAS
    case 'dx':
      return EXTENSIONS
    case 'dT':
      return typeList(how)
    case 'dD':
      return DOMAINS
    case 'db':
      return TABLESPACES
    case 'dL':
      return LANGUAGES
    case 'du':
    case 'dg':
      return roleList(how)
    case 'l':
    case 'list':
      return databaseList(serverVersion(shell))
    case 'dp':
    case 'z':
      return PRIVILEGES
    case 'da':
      return AGGREGATES
    default:
      if (/^df[anptw]*$/.test(kind)) return functionList(kind.slice(2), serverVersion(shell), how.more)
      return kind.startsWith('dP') ? partitionedList(kind.slice(2), how) : rarerList(kind, how, serverVersion(shell))
  }
}

/** `\dx+`: lists the objects of each extension. */
function showExtensions(shell: Shell, how: ListRequest): boolean {
  const conditions = conditionsOf(how, EXTENSIONS)
  const where = conditions.length === 0 ? '' : ` where ${conditions.join(' and ')}`
  for (const [name, oid] of askCatalog(
    shell,
    `select e.extname, e.oid from pg_catalog.pg_extension e${where} order by 1`,
  )) {
    const sql = `select pg_catalog.pg_describe_object(classid, objid, 0) as "Object description" from pg_catalog.pg_depend
where refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass and refobjid = '${oid}' and deptype = 'e' order by 1`
    shell.show(askTable(shell, sql, `Objects in extension "${name}"`))
  }
  return true
}
