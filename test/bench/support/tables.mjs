/** Markdown tables, and figures as people read them. */

export function markdownTable([head, ...lines]) {
  const widths = head.map((_, column) => Math.max(3, ...[head, ...lines].map((line) => line[column].length)))
  const row = (cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`
  return [row(head), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...lines.map(row)].join('\n')
}

/** `2.0 (1.6–2.4)`: the median, the least and the most. */
export function spreadText({ median, least, most }) {
  return least === most ? fixed(median) : `${fixed(median)} (${fixed(least)}–${fixed(most)})`
}

/** A size as people write it: `1,000,000`. */
export function sizeText(size) {
  return size.toLocaleString('en-US')
}

/** A number with three significant digits; an en dash if it is unknown. */
export function fixed(value) {
  if (value === null || value === undefined) return '–'
  if (value >= 100) return value.toFixed(0)
  return value >= 10 ? value.toFixed(1) : value.toFixed(2)
}
