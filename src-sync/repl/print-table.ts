/** Prints a table in the format that is set. The one place that knows all formats. */
import { lineWidth, measure, writeAligned } from './format-aligned.ts'
import { writeExpanded } from './format-expanded.ts'
import {
  writeCsv,
  writeJson,
  writeMarkdown,
  writeNdjson,
  writeUnaligned,
  writeUnalignedExpanded,
} from './format-plain.ts'
import type { PrintOptions, Table, Write } from './table.ts'

export function printTable(table: Table, options: PrintOptions, write: Write): void {
  switch (options.format) {
    case 'aligned':
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
    case 'markdown':
      return writeMarkdown(table, options, write)
  }
}

function printAligned(table: Table, options: PrintOptions, write: Write): void {
  if (options.expanded === 'on') return writeExpanded(table, options, write)
  const widths = measure(table, options)
  const isTooWide = options.columns > 0 && lineWidth(widths, options.border) > options.columns
  if (options.expanded === 'auto' && isTooWide && table.columns.length > 1) return writeExpanded(table, options, write)
  writeAligned(table, options, widths, write)
}
