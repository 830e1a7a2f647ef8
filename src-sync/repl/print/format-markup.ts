/** Formats for documents: psql's HTML and AsciiDoc, and Markdown. Each reads the rows once. */
import { type Cell, type PrintOptions, type Table, type Write, footersOf, isRightAligned, rowsToShow } from './table.ts'

export function writeHtml(table: Table, options: PrintOptions, write: Write): void {
  const { columns, title } = table
  const { tuplesOnly } = options
  const alignments = columns.map((column) => (isRightAligned(column) ? 'right' : 'left'))
  const cell = (value: Cell): string => {
    const text = value ?? options.nullText
    return /^[ \t]*$/.test(text) ? '&nbsp; ' : htmlText(text)
  }
  const attributes = options.tableAttributes === '' ? '' : ` ${options.tableAttributes}`
  write(`<table border="${options.border}"${attributes}>\n`)
  if (title !== undefined && !tuplesOnly) write(`  <caption>${htmlText(title)}</caption>\n`)
  if (options.expanded === 'on') {
    let record = 0
    for (const row of rowsToShow(table, options)) {
      record += 1
      write(tuplesOnly ? '\n  <tr><td colspan="2">&nbsp;</td></tr>\n' : htmlRecordHead(record))
      for (const [index, value] of row.entries()) {
        write(`  <tr valign="top">\n    <th>${htmlText(columns[index]!.name)}</th>\n`)
        write(`    <td align="${alignments[index]!}">${cell(value)}</td>\n  </tr>\n`)
      }
    }
  } else {
    if (!tuplesOnly) {
      write('  <tr>\n')
      for (const { name } of columns) write(`    <th align="center">${htmlText(name)}</th>\n`)
      write('  </tr>\n')
    }
    for (const row of rowsToShow(table, options)) {
      write('  <tr valign="top">\n')
      for (const [index, value] of row.entries()) write(`    <td align="${alignments[index]!}">${cell(value)}</td>\n`)
      write('  </tr>\n')
    }
  }
  write('</table>\n')
  const footers = options.expanded === 'on' ? (tuplesOnly ? [] : (table.footers ?? [])) : footersOf(table, options)
  if (footers.length > 0) write(`<p>${footers.map((footer) => `${htmlText(footer)}<br />\n`).join('')}</p>`)
  write('\n')
}

function htmlRecordHead(record: number): string {
  return `\n  <tr><td colspan="2" align="center">Record ${record}</td></tr>\n`
}

const HTML_ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\n': '<br />\n',
}

function htmlText(text: string): string {
  const escaped = text.replace(/[&<>"\n]/g, (unit) => HTML_ESCAPES[unit]!)
  return escaped.replace(/^ +/, (blanks) => '&nbsp;'.repeat(blanks.length))
}

export function writeAsciidoc(table: Table, options: PrintOptions, write: Write): void {
  const { columns, title } = table
  const { tuplesOnly, nullText } = options
  const isExpanded = options.expanded === 'on'
  write('\n')
  if (title !== undefined && !tuplesOnly) write(`.${title}\n`)
  const alignments = isExpanded ? ['h', 'l'] : columns.map((column) => (isRightAligned(column) ? '>l' : '<l'))
  const frame = [',frame="none",grid="none"', ',frame="none"', ',frame="all",grid="all"'][options.border] ?? ''
  const head = tuplesOnly || isExpanded ? '' : 'options="header",'
  write(`[${head}cols="${alignments.join(',')}"${frame}]\n|====\n`)
  if (isExpanded) {
    let record = 0
    for (const row of rowsToShow(table, options)) {
      record += 1
      write(tuplesOnly ? '2+|\n' : `2+^|Record ${record}\n`)
      for (const [index, value] of row.entries()) {
        const side = isRightAligned(columns[index]!) ? '>l' : '<l'
        write(`<l|${asciidocText(columns[index]!.name)} ${side}|${asciidocCell(value ?? nullText) || ' '}\n`)
      }
    }
  } else {
    if (!tuplesOnly) write(`${columns.map(({ name }) => `^l|${asciidocText(name)}`).join(' ')}\n`)
    for (const row of rowsToShow(table, options)) {
      const last = row.length - 1
      // An empty cell between others would put two separators side by side, which AsciiDoc reads in another way.
      const texts = row.map((value, index) => asciidocCell(value ?? nullText) || (index === last ? '' : ' '))
      write(`${texts.map((text) => `|${text}`).join(' ')}\n`)
    }
  }
  write('|====\n')
  const footers = isExpanded ? (tuplesOnly ? [] : (table.footers ?? [])) : footersOf(table, options)
  if (footers.length > 0) write(`\n....\n${footers.map((footer) => `${footer}\n`).join('')}....\n`)
}

/** The text of a cell. AsciiDoc would print a cell of blanks as blanks, so that becomes empty. */
function asciidocCell(text: string): string {
  return /^[ \t]*$/.test(text) ? '' : asciidocText(text)
}

function asciidocText(text: string): string {
  return text.replaceAll('|', '\\|')
}

export function writeMarkdown(table: Table, options: PrintOptions, write: Write): void {
  const { columns } = table
  const cell = (value: Cell): string => markdownCell(value ?? options.nullText)
  if (table.title !== undefined && !options.tuplesOnly) write(`${table.title}\n\n`)
  write(`| ${columns.map(({ name }) => cell(name)).join(' | ')} |\n`)
  write(`| ${columns.map((column) => (isRightAligned(column) ? '---:' : '---')).join(' | ')} |\n`)
  for (const row of rowsToShow(table, options)) write(`| ${row.map(cell).join(' | ')} |\n`)
  if (table.footers !== undefined) for (const footer of footersOf(table, options)) write(`\n${footer}\n`)
}

function markdownCell(text: string): string {
  return text.replace(/[\\|<]/g, '\\$&').replace(/\r?\n/g, '<br>')
}
