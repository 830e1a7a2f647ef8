/** `\pset` and the commands that stand for parts of it. */
import { ShellError } from './complaint.ts'
import type { Shell } from './shell.ts'
import { FORMATS, type Format, type PrintOptions } from './table.ts'
import { readSwitch } from './variables.ts'

interface Setting {
  readonly set: (print: PrintOptions, value: string | undefined) => void
  /** As `\pset` alone lists it. */
  readonly show: (print: PrintOptions) => string
  /** What is said when it has been set. */
  readonly say: (print: PrintOptions) => string
}

const onOff = (isOn: boolean): string => (isOn ? 'on' : 'off')

const SETTINGS: Readonly<Record<string, Setting>> = {
  border: {
    set(print, value) {
      if (value !== undefined && !/^\d+$/.test(value)) throw new ShellError('\\pset: border is 0, 1 or 2')
      if (value !== undefined) print.border = Math.min(2, Number(value)) as 0 | 1 | 2
    },
    show: ({ border }) => String(border),
    say: ({ border }) => `Border style is ${border}.`,
  },
  columns: {
    set(print, value) {
      print.columns = countOf(value, 'columns')
    },
    show: ({ columns }) => String(columns),
    say: ({ columns }) => (columns === 0 ? 'Target width is unset.' : `Target width is ${columns}.`),
  },
  csv_fieldsep: {
    set(print, value = ',') {
      if ([...value].length !== 1 || /["\r\n]/.test(value)) {
        throw new ShellError('\\pset: csv_fieldsep must be a single character, no quote and no line end')
      }
      print.csvSeparator = value
    },
    show: ({ csvSeparator }) => `'${csvSeparator}'`,
    say: ({ csvSeparator }) => `Field separator for CSV is "${csvSeparator}".`,
  },
  expanded: {
    set(print, value) {
      if (value === 'auto') print.expanded = 'auto'
      else if (value !== undefined) print.expanded = readSwitch(value, '\\pset expanded') ? 'on' : 'off'
      else print.expanded = print.expanded === 'off' ? 'on' : 'off'
    },
    show: ({ expanded }) => expanded,
    say: ({ expanded }) =>
      expanded === 'auto' ? 'Expanded display is used automatically.' : `Expanded display is ${expanded}.`,
  },
  fieldsep: {
    set(print, value) {
      if (value !== undefined) print.fieldSeparator = value
    },
    show: ({ fieldSeparator }) => `'${fieldSeparator}'`,
    say: ({ fieldSeparator }) => `Field separator is "${fieldSeparator}".`,
  },
  footer: {
    set(print, value) {
      print.footer = value === undefined ? !print.footer : readSwitch(value, '\\pset footer')
    },
    show: ({ footer }) => onOff(footer),
    say: ({ footer }) => `Default footer is ${onOff(footer)}.`,
  },
  format: {
    set(print, value) {
      if (value === undefined) return
      const found = FORMATS.filter((format) => format.startsWith(value))
      if (found.length !== 1) throw new ShellError(`\\pset: allowed formats are ${FORMATS.join(', ')}`)
      print.format = found[0] as Format
    },
    show: ({ format }) => format,
    say: ({ format }) => `Output format is ${format}.`,
  },
  linestyle: {
    set(print, value) {
      if (value !== undefined && value !== 'ascii' && value !== 'unicode') {
        throw new ShellError('\\pset: allowed line styles are ascii, unicode')
      }
      if (value !== undefined) print.linestyle = value
    },
    show: ({ linestyle }) => linestyle,
    say: ({ linestyle }) => `Line style is ${linestyle}.`,
  },
  null: {
    set(print, value) {
      if (value !== undefined) print.nullText = value
    },
    show: ({ nullText }) => `'${nullText}'`,
    say: ({ nullText }) => `Null display is "${nullText}".`,
  },
  recordsep: {
    set(print, value) {
      if (value !== undefined) print.recordSeparator = value
    },
    show: ({ recordSeparator }) => `'${recordSeparator.replaceAll('\n', '\\n')}'`,
    say: ({ recordSeparator }) =>
      recordSeparator === '\n' ? 'Record separator is <newline>.' : `Record separator is "${recordSeparator}".`,
  },
  row_limit: {
    set(print, value) {
      print.rowLimit = countOf(value, 'row_limit')
    },
    show: ({ rowLimit }) => String(rowLimit),
    say: ({ rowLimit }) => (rowLimit === 0 ? 'All rows are shown.' : `At most ${rowLimit} rows are shown.`),
  },
  tuples_only: {
    set(print, value) {
      print.tuplesOnly = value === undefined ? !print.tuplesOnly : readSwitch(value, '\\pset tuples_only')
    },
    show: ({ tuplesOnly }) => onOff(tuplesOnly),
    say: ({ tuplesOnly }) => `Tuples only is ${onOff(tuplesOnly)}.`,
  },
}

/** Settings of psql that have no meaning here, and are taken without a word so that its scripts run. */
const IGNORED = new Set(['pager', 'pager_min_lines', 'numericlocale', 'title', 'C', 'tableattr', 'T'])
const SHORT: Readonly<Record<string, string>> = { x: 'expanded', vertical: 'expanded', t: 'tuples_only' }

export const SETTING_NAMES: readonly string[] = Object.keys(SETTINGS)

/** @throws ShellError for an unknown setting, or a value it cannot have. */
export function setPrint(shell: Shell, given: string, value: string | undefined): void {
  const name = SHORT[given] ?? given
  if (name === 'pager' && value !== undefined)
    shell.usesPager = value !== '0' && readSwitch(value === 'always' ? 'on' : value, 'pager')
  if (IGNORED.has(name)) return
  const zero = /^(field|record)sep_zero$/.exec(name)?.[1]
  if (zero !== undefined) {
    shell.print[zero === 'field' ? 'fieldSeparator' : 'recordSeparator'] = '\0'
    return
  }
  const setting = SETTINGS[name]
  if (setting === undefined) throw new ShellError(`\\pset: unknown option: ${given}`)
  setting.set(shell.print, value)
  shell.say(setting.say(shell.print))
}

export function showPrint({ print, output }: Shell): void {
  for (const [name, setting] of Object.entries(SETTINGS)) output.write(`${name.padEnd(24)} ${setting.show(print)}\n`)
}

function countOf(value: string | undefined, name: string): number {
  if (value === undefined || !/^\d+$/.test(value)) throw new ShellError(`\\pset: ${name} is a count`)
  return Number(value)
}
