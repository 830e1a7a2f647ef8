/** The text of the prompt: database, open quotes, state of the transaction. Source of truth: PostgreSQL manual, psql, "Prompting". */
import { withoutControls } from '../print/control-text.ts'
import type { Shell } from '../shell.ts'

const STATES: Readonly<Record<string, string>> = { idle: '', 'in-transaction': '*', failed: '!', closed: '?' }

const PATTERN = /%(?::([\p{L}\p{N}_]+):|([0-7]{1,3})|([^]))/gu

/** @param open what the statement still needs: empty between statements, a quote, a comment, a parenthesis, or `js` */
export function promptText(shell: Shell, open: string, isActive = true): string {
  if (open === 'js') return '... '
  const template = shell.variables.get(open === '' ? 'PROMPT1' : 'PROMPT2') ?? ''
  const { info, closed } = shell.connection
  const replacements: Readonly<Record<string, () => string>> = {
    '/': () => withoutControls(info.database),
    '~': () => (info.database === info.user ? '~' : withoutControls(info.database)),
    n: () => withoutControls(info.user),
    M: () => info.host ?? '[local]',
    m: () => (info.host ?? '[local]').split('.')[0] ?? '',
    '>': () => String(info.port ?? ''),
    p: () => String(info.backendPid),
    R: () => (closed ? '!' : open !== '' ? open : isActive ? '=' : '@'),
    '[': () => '\u0001',
    ']': () => '\u0002',
    x: () => STATES[info.status] ?? '?',
    '#': () => (info.parameter('is_superuser') === 'on' ? '#' : '>'),
    '%': () => '%',
  }
  return template.replace(PATTERN, (whole, variable?: string, octal?: string, letter = '') => {
    if (variable !== undefined) return shell.variables.get(variable) ?? ''
    if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8))
    return replacements[letter]?.() ?? whole
  })
}
