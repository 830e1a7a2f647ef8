/**
 * Tells code from comments and strings in TypeScript, for checks that read sources as text. It is not a parser: it
 * only finds where comments, strings, templates and regular expressions begin and end.
 */

const DOUBLE_QUOTED_END = /(?<!\\)(?:\\\\)*"|$/g
const SINGLE_QUOTED_END = /(?<!\\)(?:\\\\)*'|$/g

// After these a value may start, so a slash begins a regular expression. After other text it divides.
const BEFORE_REGEXP =
  /(?:^|[(,=:[!&|?{};+\-*%<>~^\n]|\b(?:return|typeof|case|in|of|do|else|void|delete|await|yield))\s*$/

/**
 * Replaces comments, templates and regular expressions by blanks, and marks the beginning of each string by §. After
 * that, all text that looks like an import is an import. Offsets do not change.
 */
export function maskSource(source: string): { masked: string; strings: Map<number, string> } {
  const strings = new Map<number, string>()
  let masked = ''
  const blank = (end: number): void => {
    masked += source.slice(masked.length, end).replace(/[^\n]/g, ' ')
  }
  while (masked.length < source.length) {
    const at = masked.length
    const rest = source.slice(at, at + 2)
    const first = rest[0]!
    if (rest === '//') blank(endOf(source, /\n|$/g, at))
    else if (rest === '/*') blank(endOf(source, /\*\/|$/g, at + 2))
    else if (first === '"' || first === "'") {
      const end = endOf(source, first === '"' ? DOUBLE_QUOTED_END : SINGLE_QUOTED_END, at + 1)
      strings.set(at, source.slice(at + 1, end - 1))
      masked += '§'
      blank(end)
    } else if (first === '`') blank(templateEnd(source, at + 1))
    else if (first === '/' && BEFORE_REGEXP.test(masked.slice(-40))) {
      blank(endOf(source, /(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\[\n])*(?:\/|(?=\n)|$)/g, at + 1))
    } else masked += first
  }
  return { masked, strings }
}

// Expressions inside a template are skipped too, because they cannot contain an import statement.
function templateEnd(source: string, start: number): number {
  let depth = 0
  for (let at = start; at < source.length; at += 1) {
    const letter = source[at]
    if (letter === '\\') at += 1
    else if (letter === '`' && depth === 0) return at + 1
    else if (letter === '`') at = templateEnd(source, at + 1) - 1
    else if (letter === '$' && source[at + 1] === '{') {
      depth += 1
      at += 1
    } else if (letter === '{' && depth > 0) depth += 1
    else if (letter === '}' && depth > 0) depth -= 1
  }
  return source.length
}

function endOf(source: string, pattern: RegExp, from: number): number {
  pattern.lastIndex = from
  const match = pattern.exec(source)
  return match ? match.index + match[0].length : source.length
}

/** Removes the comments of a source, and lines that had only a comment. */
export function removeComments(source: string): string {
  let kept = ''
  for (let at = 0; at < source.length;) {
    const rest = source.slice(at, at + 2)
    let end = at + 1
    if (rest === '//' || rest === '/*') {
      at = rest === '//' ? endOf(source, /(?=\n)|$/g, at) : endOf(source, /\*\/|$/g, at + 2)
      continue
    }
    if (rest[0] === '"') end = endOf(source, DOUBLE_QUOTED_END, at + 1)
    else if (rest[0] === "'") end = endOf(source, SINGLE_QUOTED_END, at + 1)
    else if (rest[0] === '`') end = templateEnd(source, at + 1)
    kept += source.slice(at, end)
    at = end
  }
  return kept.replace(/^[ \t]*\n/gm, '')
}
