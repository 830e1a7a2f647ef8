/** `\dRp+`: the tables and schemas of each publication. */
import { type ListRequest, askCatalog, askTable, serverVersion } from './ask-catalog.ts'
import { OWNER } from './object-lists.ts'
import { patternConditions } from './pattern.ts'
import { publicationColumns } from './rarer-lists.ts'
import type { Shell } from '../shell.ts'

export function showPublications(shell: Shell, { pattern }: ListRequest): boolean {
  const version = serverVersion(shell)
  const conditions = patternConditions(pattern, { schema: null, name: 'p.pubname' })
  const where = conditions.length === 0 ? '' : ` where ${conditions.join(' and ')}`
  const all = askCatalog(
    shell,
    `select p.pubname, p.oid, p.puballtables from pg_catalog.pg_publication p${where} order by 1`,
  )
  for (const [name, oid, coversAll] of all) {
    const sql = `select ${[OWNER('p.pubowner'), ...publicationColumns(version)].join(', ')}
from pg_catalog.pg_publication p where p.oid = '${oid}'`
    const table = askTable(shell, sql, `Publication ${name}`)
    const contents = coversAll === 't' ? [] : contentsOf(shell, String(oid), version)
    shell.show(contents.length === 0 ? table : { ...table, footers: contents })
  }
  if (all.length === 0) {
    const named = pattern === undefined ? 'publications' : `publication named "${pattern}"`
    shell.remark(`Did not find any ${named}.\n`)
  }
  return true
}

/** The lines below the table of a publication. */
function contentsOf(shell: Shell, oid: string, version: number): string[] {
  const tables = askCatalog(
    shell,
    `select '"' || n.nspname || '.' || c.relname || '"'${publishedPart(version)}
from pg_catalog.pg_publication_rel r join pg_catalog.pg_class c on c.oid = r.prrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace where r.prpubid = '${oid}' order by 1`,
  )
  const schemas =
    version >= 15_00_00
      ? askCatalog(
          shell,
          `select '"' || n.nspname || '"' from pg_catalog.pg_publication_namespace x
  join pg_catalog.pg_namespace n on n.oid = x.pnnspid where x.pnpubid = '${oid}' order by 1`,
        )
      : []
  const section = (heading: string, rows: readonly (readonly unknown[])[]): string[] =>
    rows.length === 0 ? [] : [heading, ...rows.map(([line]) => `    ${String(line)}`)]
  return [...section('Tables:', tables), ...section('Tables from schemas:', schemas)]
}

/** SQL after a table's name: the columns and rows of relation `r.prrelid` that a publication publishes. */
export function publishedPart(version: number): string {
  if (version < 15_00_00) return ''
  return `
  || coalesce(' (' || (select pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' order by a.attnum)
    from pg_catalog.pg_attribute a where a.attrelid = r.prrelid and a.attnum = any (r.prattrs)) || ')', '')
  || coalesce(' WHERE ' || pg_catalog.pg_get_expr(r.prqual, r.prrelid), '')`
}
