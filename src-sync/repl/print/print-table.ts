/** Prints a table in the chosen format. Only this module knows all formats. */
import { writeAligned } from './format-aligned.ts'
import { writeExpanded } from './format-expanded.ts'
import { writeAsciidoc, writeHtml, writeMarkdown } from './format-markup.ts'
import { writeCsv, writeJson, writeNdjson, writeUnaligned, writeUnalignedExpanded } from './format-plain.ts'
import { lineWidth, measure, narrowed } from './table-width.ts'
import type { PrintOptions, Table, Write } from './table.ts'

export function printTable(table: Table, options: PrintOptions, write: Write): void {
  switch (options.format) {
    case 'aligned':
    case 'wrapped':
      return printAligned(table, options, write)
    case 'unaligned':
      return options.expanded === 'on'
        ? writeUnalignedExpanded(table, options, write)
        : writeUnaligned(table, options, write)
    case 'csv':
      return writeCsv(table, options, write)
    case 'json':
      return writeJson(table, options, write)
    case 'ndjson':
      return writeNdjson(table, options, write)
    case 'html':
      return writeHtml(table, options, write)
    case 'asciidoc':
      return writeAsciidoc(table, options, write)
    case 'markdown':
      return writeMarkdown(table, options, write)
  }
}

function printAligned(table: Table, given: PrintOptions, write: Write): void {
  const options = given.border > 2 ? { ...given, border: 2 } : given
  if (options.expanded === 'on') return writeExpanded(table, options, write)
  const natural = measure(table, options)
  const widths = options.format === 'wrapped' ? narrowed(table, options, natural) : natural
  const isTooWide = options.columns > 0 && lineWidth(widths, options.border) > options.columns
  if (options.expanded === 'auto' && isTooWide && table.columns.length > 1) return writeExpanded(table, options, write)
  writeAligned(table, options, widths, write)
}
