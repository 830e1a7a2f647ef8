/** The source of functions and views: `\sf` and `\sv` print it, `\ef` and `\ev` edit it. */
import { DbError } from '../../index.ts'
import { askCatalog } from '../catalog/ask-catalog.ts'
import type { Call } from './command-call.ts'
import { ShellError } from '../print/complaint.ts'
import type { Shell } from '../shell.ts'

export type SourceKind = 'function' | 'view'

const NEW: Readonly<Record<SourceKind, string>> = {
  function: `CREATE FUNCTION ( )
 RETURNS 
 LANGUAGE 
 -- common options:  IMMUTABLE  STABLE  STRICT  SECURITY DEFINER
AS $function$

$function$
`,
  view: `CREATE VIEW  AS
 SELECT 
  -- something...
`,
}
/** The line at which the body of a function begins. Line numbers count from it, as in the server's errors. */
const BODY = /^(?:AS |BEGIN |RETURN )/

/** `\sf` and `\sv`; with `+` the lines are numbered. @returns false when there is no such object, after a message. */
export function showSource({ shell, rest }: Call, kind: SourceKind, isNumbered: boolean): boolean {
  const name = rest.trim()
  if (name === '') throw new ShellError(`${kind} name is required`)
  const source = sourceOf(shell, kind, name)
  if (source === null) return false
  shell.writeText(isNumbered ? numbered(source, kind) : source)
  return true
}

/** The text to edit; a template when no name is given; null when there is no such object, after a message. */
export function sourceToEdit(shell: Shell, kind: SourceKind, name: string): string | null {
  return name === '' ? NEW[kind] : sourceOf(shell, kind, name)
}

function sourceOf(shell: Shell, kind: SourceKind, name: string): string | null {
  const literal = `'${name.replaceAll("'", "''")}'`
  try {
    if (kind === 'function') {
      const type = name.includes('(') ? 'regprocedure' : 'regproc'
      const sql = `select pg_catalog.pg_get_functiondef(${literal}::pg_catalog.${type}::pg_catalog.oid)`
      return askCatalog(shell, sql)[0]?.[0] ?? ''
    }
    const sql = `select pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname),
  c.relkind = 'v', pg_catalog.pg_get_viewdef(c.oid, true),
  (select pg_catalog.string_agg(option_name || '=' || case when pg_catalog.quote_ident(option_value) = option_value
      then option_value else pg_catalog.quote_literal(option_value) end, ', ')
    from pg_catalog.pg_options_to_table(c.reloptions) where option_name <> 'check_option'),
  case when 'check_option=local' = any (c.reloptions) then 'LOCAL'
    when 'check_option=cascaded' = any (c.reloptions) then 'CASCADED' end
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.oid = ${literal}::pg_catalog.regclass`
    const [called = '', isView, definition, options, check] = askCatalog(shell, sql)[0] ?? []
    if (isView !== 't') throw new ShellError(`"${called ?? name}" is not a view`)
    const settings = options === null || options === undefined ? '' : `\n WITH (${options})`
    const checks = check === null || check === undefined ? '' : `\n WITH ${check} CHECK OPTION`
    return `CREATE OR REPLACE VIEW ${called}${settings} AS\n${definition?.replace(/;$/, '')}${checks}\n`
  } catch (failure) {
    if (!(failure instanceof DbError) || failure.severity === undefined) throw failure
    // The user did not write this statement, so the position of the error in it is left out.
    shell.remark(`${failure.severity}:  ${failure.primaryMessage}\n`)
    return null
  }
}

function numbered(source: string, kind: SourceKind): string {
  const lines = source.replace(/\n$/, '').split('\n')
  const first = kind === 'view' ? 0 : lines.findIndex((line) => BODY.test(line))
  return lines
    .map((line, index) => `${index < first ? ' '.repeat(8) : `${String(index - first + 1).padEnd(7)} `}${line}\n`)
    .join('')
}
