/** `\dF+` and `\dFp+`: describe text search configurations and parsers, with one or two tables for each. */
import { type ListRequest, askCatalog, askTable } from './ask-catalog.ts'
import { type PatternColumns, patternConditions } from './pattern.ts'
import type { Shell } from '../shell.ts'

/** `\dF+`: lists the dictionaries for each kind of token. */
export function showConfigurations(shell: Shell, { pattern }: ListRequest): boolean {
  const found = askCatalog(
    shell,
    `select c.oid, n.nspname, c.cfgname, pn.nspname, p.prsname from pg_catalog.pg_ts_config c
left join pg_catalog.pg_namespace n on n.oid = c.cfgnamespace
left join pg_catalog.pg_ts_parser p on p.oid = c.cfgparser left join pg_catalog.pg_namespace pn on pn.oid = p.prsnamespace
${whereOf(pattern, 'c.cfgname', 'pg_catalog.pg_ts_config_is_visible(c.oid)')} order by 3, 2`,
  )
  if (found.length === 0) return reportNone(shell, 'configuration', pattern)
  for (const [oid, schema, name, parserSchema, parser] of found) {
    const title = `Text search configuration "${schema}.${name}"\nParser: "${parserSchema}.${parser}"`
    const table = askTable(
      shell,
      `select (select t.alias from pg_catalog.ts_token_type(c.cfgparser) t where t.tokid = m.maptokentype) as "Token",
  pg_catalog.btrim(array(select mm.mapdict::pg_catalog.regdictionary from pg_catalog.pg_ts_config_map mm
    where mm.mapcfg = m.mapcfg and mm.maptokentype = m.maptokentype order by mapcfg, maptokentype, mapseqno
  )::pg_catalog.text, '{}') as "Dictionaries"
from pg_catalog.pg_ts_config c, pg_catalog.pg_ts_config_map m
where c.oid = ${oid} and m.mapcfg = c.oid group by m.mapcfg, m.maptokentype, c.cfgparser order by 1`,
      title,
    )
    shell.show({ ...table, footers: [] }, { ...shell.print, rowLimit: 0 })
  }
  return true
}

const METHODS = [
  ['Start parse', 'prsstart'],
  ['Get next token', 'prstoken'],
  ['End parse', 'prsend'],
  ['Get headline', 'prsheadline'],
  ['Get token types', 'prslextype'],
] as const

/** `\dFp+`: lists the functions of each parser, and its kinds of tokens. */
export function showParsers(shell: Shell, { pattern }: ListRequest): boolean {
  const found = askCatalog(
    shell,
    `select p.oid, n.nspname, p.prsname from pg_catalog.pg_ts_parser p
left join pg_catalog.pg_namespace n on n.oid = p.prsnamespace
${whereOf(pattern, 'p.prsname', 'pg_catalog.pg_ts_parser_is_visible(p.oid)')} order by 1, 2`,
  )
  if (found.length === 0) return reportNone(shell, 'parser', pattern)
  const options = { ...shell.print, rowLimit: 0 }
  for (const [oid, schema, name] of found) {
    const methods = METHODS.map(
      ([label, column]) => `select '${label}' as "Method", p.${column}::pg_catalog.regproc as "Function",
  pg_catalog.obj_description(p.${column}, 'pg_proc') as "Description" from pg_catalog.pg_ts_parser p where p.oid = ${oid}`,
    )
    const table = askTable(shell, methods.join('\nunion all '), `Text search parser "${schema}.${name}"`)
    shell.show({ ...table, footers: [] }, options)
    const tokens = `select t.alias as "Token name", t.description as "Description"
from pg_catalog.ts_token_type(${oid}::pg_catalog.oid) t order by 1`
    shell.show(askTable(shell, tokens, `Token types for parser "${schema}.${name}"`), options)
  }
  return true
}

function whereOf(pattern: string | undefined, name: string, visible: string): string {
  const columns: PatternColumns = { schema: 'n.nspname', name, visible }
  const conditions = patternConditions(pattern, columns)
  return conditions.length === 0 ? '' : `where ${conditions.join(' and ')}`
}

function reportNone(shell: Shell, what: string, pattern: string | undefined): boolean {
  if (pattern !== undefined) shell.remark(`Did not find any text search ${what} named "${pattern}".\n`)
  else if (!shell.variables.isOn('QUIET')) shell.remark(`Did not find any text search ${what}s.\n`)
  return true
}
