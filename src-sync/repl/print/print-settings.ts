/** `\pset`, and the commands that set a part of it. */
import { ShellError } from './complaint.ts'
import type { Shell } from '../shell.ts'
import { FORMATS, type Format, type PrintOptions } from './table.ts'
import { readSwitch } from '../variables.ts'

interface Setting {
  readonly set: (print: PrintOptions, value: string | undefined) => void
  /** The value in the list of `\pset`. */
  readonly show: (print: PrintOptions) => string
  /** The message after it was set. */
  readonly say: (print: PrintOptions) => string
}

const onOff = (isOn: boolean): string => (isOn ? 'on' : 'off')

const SETTINGS: Readonly<Record<string, Setting>> = {
  border: {
    set(print, value) {
      if (value !== undefined && !/^\d+$/.test(value)) throw new ShellError('\\pset: border must be 0, 1 or 2')
      if (value !== undefined) print.border = Number(value)
    },
    show: ({ border }) => String(border),
    say: ({ border }) => `Border style is ${border}.`,
  },
  columns: {
    set(print, value) {
      if (value !== undefined) print.columns = countOf(value, 'columns')
    },
    show: ({ columns }) => String(columns),
    say: ({ columns }) => (columns === 0 ? 'Target width is unset.' : `Target width is ${columns}.`),
  },
  csv_fieldsep: {
    set(print, value) {
      if (value === undefined) return
      if (value.length !== 1 || value === '\0' || value > '\u007f') {
        throw new ShellError('\\pset: csv_fieldsep must be a single one-byte character')
      }
      if (/["\r\n]/.test(value)) {
        throw new ShellError('\\pset: csv_fieldsep cannot be a double quote, a newline, or a carriage return')
      }
      print.csvSeparator = value
    },
    show: ({ csvSeparator }) => `'${csvSeparator}'`,
    say: ({ csvSeparator }) => `Field separator for CSV is "${csvSeparator}".`,
  },
  expanded: {
    set(print, value) {
      if (value === 'auto') print.expanded = 'auto'
      else if (value !== undefined) print.expanded = readChoice(value, 'expanded', 'auto') ? 'on' : 'off'
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
    show: ({ fieldSeparator }) => `'${withoutZero(fieldSeparator)}'`,
    say: ({ fieldSeparator }) =>
      fieldSeparator === '\0' ? 'Field separator is zero byte.' : `Field separator is "${fieldSeparator}".`,
  },
  fieldsep_zero: {
    set(print) {
      print.fieldSeparator = '\0'
    },
    show: ({ fieldSeparator }) => onOff(fieldSeparator === '\0'),
    say: () => 'Field separator is zero byte.',
  },
  footer: {
    set(print, value) {
      print.footer = value === undefined ? !print.footer : readSwitch(value, 'footer')
    },
    show: ({ footer }) => onOff(footer),
    say: ({ footer }) => `Default footer is ${onOff(footer)}.`,
  },
  format: {
    set(print, value) {
      if (value === undefined) return
      const found = FORMATS.includes(value as Format) ? [value] : FORMATS.filter((format) => format.startsWith(value))
      if (found.length > 1) {
        throw new ShellError(`\\pset: ambiguous abbreviation "${value}" matches both "${found[0]}" and "${found[1]}"`)
      }
      if (found.length === 0) throw new ShellError(`\\pset: allowed formats are ${FORMATS.join(', ')}`)
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
  numericlocale: {
    set(_print, value) {
      if (value === undefined || readSwitch(value, 'numericlocale'))
        throw new ShellError('\\pset: numericlocale: numbers are printed as the server writes them')
    },
    show: () => 'off',
    say: () => 'Locale-adjusted numeric output is off.',
  },
  pager: {
    set(print, value) {
      if (value === 'always') print.pager = 'always'
      else if (value !== undefined) print.pager = readChoice(value, 'pager', 'always') ? 'long' : 'off'
      else print.pager = print.pager === 'long' ? 'off' : 'long'
    },
    show: ({ pager }) => String(PAGER_WORDS.findIndex(([word]) => word === pager)),
    say: ({ pager }) => PAGER_WORDS.find(([word]) => word === pager)![1],
  },
  pager_min_lines: {
    set(print, value) {
      if (value !== undefined) print.pagerMinLines = countOf(value, 'pager_min_lines')
    },
    show: ({ pagerMinLines }) => String(pagerMinLines),
    say: ({ pagerMinLines }) =>
      `Pager won't be used for less than ${pagerMinLines} ${pagerMinLines === 1 ? 'line' : 'lines'}.`,
  },
  recordsep: {
    set(print, value) {
      if (value !== undefined) print.recordSeparator = value
    },
    show: ({ recordSeparator }) => `'${withoutZero(recordSeparator).replaceAll('\n', '\\n')}'`,
    say: ({ recordSeparator }) =>
      recordSeparator === '\0'
        ? 'Record separator is zero byte.'
        : recordSeparator === '\n'
          ? 'Record separator is <newline>.'
          : `Record separator is "${recordSeparator}".`,
  },
  recordsep_zero: {
    set(print) {
      print.recordSeparator = '\0'
    },
    show: ({ recordSeparator }) => onOff(recordSeparator === '\0'),
    say: () => 'Record separator is zero byte.',
  },
  row_limit: {
    set(print, value) {
      if (value !== undefined) print.rowLimit = countOf(value, 'row_limit')
    },
    show: ({ rowLimit }) => String(rowLimit),
    say: ({ rowLimit }) => (rowLimit === 0 ? 'All rows are shown.' : `At most ${rowLimit} rows are shown.`),
  },
  tableattr: {
    set(print, value = '') {
      print.tableAttributes = value
    },
    show: ({ tableAttributes }) => (tableAttributes === '' ? '' : `'${tableAttributes}'`),
    say: ({ tableAttributes }) =>
      tableAttributes === '' ? 'Table attributes unset.' : `Table attributes are "${tableAttributes}".`,
  },
  title: {
    set(print, value = '') {
      print.title = value
    },
    show: ({ title }) => (title === '' ? '' : `'${title}'`),
    say: ({ title }) => (title === '' ? 'Title is unset.' : `Title is "${title}".`),
  },
  tuples_only: {
    set(print, value) {
      print.tuplesOnly = value === undefined ? !print.tuplesOnly : readSwitch(value, 'tuples_only')
    },
    show: ({ tuplesOnly }) => onOff(tuplesOnly),
    say: ({ tuplesOnly }) => `Tuples only is ${onOff(tuplesOnly)}.`,
  },
}

const PAGER_WORDS = [
  ['off', 'Pager usage is off.'],
  ['long', 'Pager is used for long output.'],
  ['always', 'Pager is always used.'],
] as const
const SHORT: Readonly<Record<string, string>> = {
  x: 'expanded',
  vertical: 'expanded',
  t: 'tuples_only',
  C: 'title',
  T: 'tableattr',
}
/** psql's settings that change only the look of lines. They are accepted and ignored, so that scripts run. */
const IGNORED = /^unicode_(?:border|column|header)_linestyle$/

export const SETTING_NAMES: readonly string[] = Object.keys(SETTINGS)

/** @throws ShellError for an unknown setting, or an invalid value. */
export function setPrint(shell: Shell, given: string, value: string | undefined): void {
  const setting = setPrintQuietly(shell, given, value)
  // Like psql, this prints a message for these two when they are toggled, not when they are given a value.
  const isAnnounced = value === undefined || (setting !== SETTINGS['tuples_only'] && setting !== SETTINGS['footer'])
  if (setting !== null && isAnnounced) shell.say(setting.say(shell.print))
}

/** Sets an option without a message. @returns null when there is no message to print. */
export function setPrintQuietly(shell: Shell, given: string, value: string | undefined): Setting | null {
  const name = SHORT[given] ?? given
  if (IGNORED.test(name)) return null
  const setting = SETTINGS[name]
  if (setting === undefined) throw new ShellError(`\\pset: unknown option: ${given}`)
  setting.set(shell.print, value)
  return setting
}

export function showPrint({ print, standard }: Shell): void {
  for (const [name, setting] of Object.entries(SETTINGS)) standard.write(`${name.padEnd(24)} ${setting.show(print)}\n`)
}

/** @param third the third allowed word, beside on and off */
function readChoice(value: string, name: string, third: string): boolean {
  try {
    return readSwitch(value, name)
  } catch {
    throw new ShellError(`unrecognized value "${value}" for "${name}"\nAvailable values are: on, off, ${third}.`)
  }
}

/** A separator for the list of settings. The zero byte has its own entries there. */
function withoutZero(separator: string): string {
  return separator === '\0' ? '' : separator
}

function countOf(value: string, name: string): number {
  if (!/^\d+$/.test(value)) throw new ShellError(`\\pset: ${name} must be a whole number, 0 or greater`)
  return Number(value)
}
