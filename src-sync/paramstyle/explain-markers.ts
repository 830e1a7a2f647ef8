/**
 * Explains why a statement has fewer markers than its author thinks: they are in quotes, in a comment, after a quote that is
 * never closed, or of another paramstyle. Runs only when there is an error to explain.
 */
import { ProgrammingError } from '../../src-async/errors/tree.ts'
import { Lexer, TOKEN } from '../../src-async/values/sql-lexer.ts'
import { type ParamStyle, scanMarkers } from './marker-scan.ts'
import type { RewrittenStatement } from './rewrite.ts'

const LOOKS: Readonly<Record<ParamStyle, RegExp>> = {
  pyformat: /%s|%\([^()\n]+\)s|\$[1-9]/,
  format: /%s|%\([^()\n]+\)s|\$[1-9]/,
  qmark: /\?|\$[1-9]/,
  numeric: /[:$][1-9]/,
  named: /:[A-Za-z_]|\$[1-9]/,
  sqlite: /\?|[:@$][A-Za-z_]|\$[1-9]/,
}

const EXAMPLES: Readonly<Record<ParamStyle, string>> = {
  pyformat: '%s, %(name)s',
  format: '%s, %(name)s',
  qmark: '?',
  numeric: ':1',
  named: ':name',
  sqlite: '?, :name, @name, $name',
}

/** The hint for a statement whose number of markers is not `given`; null when there is nothing to say. */
export function explainMarkers(rewritten: RewrittenStatement, given: number): string | null {
  const { source, unterminatedAt, order } = rewritten
  if (unterminatedAt !== null) {
    const line = source.slice(0, unterminatedAt).split('\n').length
    return `the quote that opens in line ${line} is never closed, and markers after it are text`
  }
  if (given <= order.length) return null
  const hidden = hiddenMarker(rewritten)
  if (hidden === 'quotes') return 'a marker inside quotes is text; remove the quotes'
  if (hidden === 'comment') return 'a marker inside a comment is text'
  return order.length === 0 ? otherStyle(rewritten) : null
}

/** Whether a marker stands in quotes or in a comment, where it does not count. */
function hiddenMarker(rewritten: RewrittenStatement): 'quotes' | 'comment' | null {
  const { source, style, standardConformingStrings } = rewritten
  const lexer = new Lexer(source, standardConformingStrings)
  const look = LOOKS[style]
  let hidden: 'quotes' | 'comment' | null = null
  for (;;) {
    const token = lexer.next()
    if (token === TOKEN.END) return hidden
    const isComment = token === TOKEN.COMMENT
    const isQuoted = token === TOKEN.STRING || token === TOKEN.DOLLAR_STRING || token === TOKEN.QUOTED_IDENTIFIER
    if ((!isComment && !isQuoted) || !look.test(source.slice(lexer.start, lexer.end))) continue
    if (isQuoted) return 'quotes'
    hidden = 'comment'
  }
}

/** The hint for a statement with markers of another paramstyle than the connection's. */
function otherStyle(rewritten: RewrittenStatement): string | null {
  const { source, style, standardConformingStrings } = rewritten
  for (const other of ['pyformat', 'qmark', 'numeric', 'named'] as const) {
    if (other === style || (other === 'pyformat' && style === 'format')) continue
    if (!hasMarkers(source, other, standardConformingStrings)) continue
    return (
      `the markers of this connection are ${EXAMPLES[style]} and $1 (paramstyle ${style}); ` +
      `for ${EXAMPLES[other]} connect with paramstyle: '${other}'`
    )
  }
  return null
}

function hasMarkers(source: string, style: ParamStyle, standardConformingStrings: boolean): boolean {
  try {
    return scanMarkers(source, style, standardConformingStrings).order.length > 0
  } catch (error) {
    if (error instanceof ProgrammingError) return false
    throw error
  }
}
