/**
 * Chooses PostgreSQL's type for a column of SQLite: by its declared type and by its values, because a SQLite column holds
 * whatever was written into it. The main rule: every value stays as it was, or the report says how it changed.
 */
import type { SqliteCell, SqliteFile } from './open-sqlite.ts'
import { type SourceColumn, type SourceTable, quoted } from './read-schema.ts'

/** The values in a column: how many of each kind. */
interface ColumnContent {
  readonly integers: number
  readonly reals: number
  readonly texts: number
  readonly blobs: number
  readonly lowest: bigint
  readonly highest: bigint
  readonly dates: number
  readonly times: number
  readonly dateTimes: number
  /** `2024-01-02 03:04:05.123` */
  readonly fractional: number
  /** `2024-01-02T03:04:05.123Z`, as toISOString writes it. */
  readonly instants: number
  readonly uuids: number
  readonly jsons: number
  /** Texts with a zero character, which PostgreSQL's text cannot hold. */
  readonly zeros: number
  readonly infinities: number
  /** Numbers that do not fit the declared DECIMAL(p, s). */
  readonly beyondScale: number
}

export interface ColumnPlan {
  readonly type: string
  /** The sentence for the report; null where there is nothing to report. */
  readonly note: string | null
  /** The expression that reads the column in SQLite. */
  readonly reads: string
  readonly zeros: number
}

const COLUMNS_OF_A_SCAN = 40
/**
 * Half of the range of `integer`. Columns with values beyond it, such as seconds since 1970, become `bigint`, because they may
 * soon outgrow `integer`.
 */
const INTEGER_LOWEST = -(2n ** 30n)
const INTEGER_HIGHEST = 2n ** 30n
const NAMED_AS_TIME =
  /(?:_at|_on|_date|_time|_day|[a-z](?:At|On|Date|Time|Day))$|^(?:date|day|time|created|updated|modified|timestamp)$/i
const HEX = '[0-9a-f]'

/** @param overrides types that the user has chosen, by `table.column` */
export function planColumns(
  file: SqliteFile,
  table: SourceTable,
  overrides: ReadonlyMap<string, string>,
): Map<string, ColumnPlan> {
  const keys = new Set([...table.primaryKey, ...table.foreignKeys.flatMap(({ columns }) => columns)])
  const plans = new Map<string, ColumnPlan>()
  for (let start = 0; start < table.columns.length; start += COLUMNS_OF_A_SCAN) {
    const columns = table.columns.slice(start, start + COLUMNS_OF_A_SCAN)
    const contents = readContents(file, table.name, columns)
    for (const [place, column] of columns.entries()) {
      const content = contents[place]!
      const override = overrides.get(`${table.name}.${column.name}`)
      const chosen =
        override === undefined ? chooseType(column, content, keys.has(column.name)) : { type: override, note: null }
      plans.set(column.name, { ...chosen, reads: readsAs(column.name, chosen.type, content), zeros: content.zeros })
    }
  }
  return plans
}

function readContents(file: SqliteFile, table: string, columns: readonly SourceColumn[]): ColumnContent[] {
  const parts = columns.map((column, place) => {
    const name = quoted(column.name)
    const texts = (condition: string): string => `sum(typeof(${name}) = 'text' and ${condition})`
    const same = (call: string): string => texts(`${call} is ${name} and ${name} >= '0001'`)
    const [precision, scale] = scaleOf(column.declared) ?? [0, 0]
    const isJson = column.declared.includes('JSON')
    const figures = {
      integers: `sum(typeof(${name}) = 'integer')`,
      reals: `sum(typeof(${name}) = 'real')`,
      texts: `sum(typeof(${name}) = 'text')`,
      blobs: `sum(typeof(${name}) = 'blob')`,
      lowest: `min(case typeof(${name}) when 'integer' then ${name} end)`,
      highest: `max(case typeof(${name}) when 'integer' then ${name} end)`,
      dates: same(`date(${name})`),
      times: texts(`time(${name}) is ${name}`),
      dateTimes: same(`datetime(${name})`),
      fractional: same(`strftime('%Y-%m-%d %H:%M:%f', ${name})`),
      instants: same(`strftime('%Y-%m-%dT%H:%M:%fZ', ${name})`),
      uuids: texts(`${name} glob '${[8, 4, 4, 4, 12].map((count) => HEX.repeat(count)).join('-')}'`),
      jsons: isJson ? texts(`json_valid(${name})`) : '0',
      zeros: texts(`instr(${name}, char(0)) > 0`),
      infinities: `sum(typeof(${name}) = 'real' and ${name} in (9e999, -9e999))`,
      beyondScale:
        precision === 0
          ? '0'
          : `sum(typeof(${name}) in ('integer', 'real') and (${name} >= 1e${precision - scale} or ${name} <= -1e${precision - scale} or round(${name}, ${scale}) <> ${name}))`,
    }
    return Object.entries(figures)
      .map(([figure, sql]) => `${sql} as ${figure}_${place}`)
      .join(', ')
  })
  const row = file.all(`select ${parts.join(', ')} from ${quoted(table)}`)[0]!
  return columns.map((_, place) => {
    const of = (figure: string): SqliteCell => row[`${figure}_${place}`] ?? null
    const names = [
      'integers',
      'reals',
      'texts',
      'blobs',
      'dates',
      'times',
      'dateTimes',
      'fractional',
      'instants',
      'uuids',
      'jsons',
      'zeros',
      'infinities',
      'beyondScale',
    ]
    const counts = Object.fromEntries(names.map((name) => [name, Number(of(name) ?? 0)]))
    return {
      ...counts,
      lowest: (of('lowest') ?? 0n) as bigint,
      highest: (of('highest') ?? 0n) as bigint,
    } as unknown as ColumnContent
  })
}

interface Chosen {
  readonly type: string
  readonly note: string | null
}

function chooseType(column: SourceColumn, content: ColumnContent, isKey: boolean): Chosen {
  const { declared } = column
  const filled = content.integers + content.reals + content.texts + content.blobs
  const special = bySpecialName(column, content, filled)
  if (special !== null) return special
  if (filled === 0) return { type: emptyType(declared), note: null }
  const kept = byContent(column, content, isKey)
  const unmet = unmetPromise(declared, kept.type)
  return unmet === null
    ? kept
    : { type: kept.type, note: [unmet, kept.note].filter((note) => note !== null).join('; ') }
}

/** Types that SQLite does not have, by the declared name: BOOLEAN, dates, JSON and UUID. */
function bySpecialName(column: SourceColumn, content: ColumnContent, filled: number): Chosen | null {
  const { declared } = column
  if (/BOOL/.test(declared)) {
    const fits = content.integers === filled && (filled === 0 || (content.lowest >= 0n && content.highest <= 1n))
    if (fits) return { type: 'boolean', note: 'numbers 0 and 1 became false and true: compare with true, not with 1' }
  }
  if (/DATE|TIME/.test(declared)) {
    if (filled === 0)
      return { type: declared === 'DATE' || declared === 'TIME' ? declared.toLowerCase() : 'timestamp', note: null }
    return timeType(content, filled)
  }
  if (declared.includes('JSON') && content.jsons === filled) {
    return { type: 'jsonb', note: 'JSON became jsonb: whitespace and the order of keys are not kept' }
  }
  if (/UUID|GUID/.test(declared) && content.uuids === filled) return { type: 'uuid', note: null }
  const hasTimeDefault = /\b(?:current_(?:timestamp|date|time)|datetime|date|strftime)\b/i.test(column.default ?? '')
  if (filled > 0 && isTextual(declared) && (NAMED_AS_TIME.test(column.name) || hasTimeDefault)) {
    const time = timeType(content, filled)
    // The type TEXT does not promise that these are times. So they become times only if PostgreSQL prints them in the same
    // form.
    if (time !== null && content.fractional === 0 && content.dates % filled === 0) {
      return { type: time.type, note: `every text is a ${time.type}, so it became one; --type keeps it text` }
    }
  }
  return null
}

function timeType({ dates, times, dateTimes, fractional, instants }: ColumnContent, filled: number): Chosen | null {
  if (dates === filled) return { type: 'date', note: null }
  if (times === filled) return { type: 'time', note: null }
  if (instants === filled) return { type: 'timestamptz', note: null }
  if (dateTimes === filled) return { type: 'timestamp', note: null }
  if (dates + dateTimes + fractional !== filled) return null
  return { type: 'timestamp', note: 'times in several formats became timestamp: they all have one format now' }
}

function byContent(column: SourceColumn, content: ColumnContent, isKey: boolean): Chosen {
  const { declared } = column
  const { integers, reals, texts, blobs } = content
  if (blobs > 0) {
    if (integers + reals + texts === 0) return { type: 'bytea', note: null }
    return { type: 'bytea', note: 'blobs and other values became bytea: texts and numbers as their UTF-8 bytes' }
  }
  if (texts > 0) return { type: 'text', note: integers + reals > 0 ? 'texts and numbers became text' : null }
  if (isNumeric(declared)) {
    const scale = scaleOf(declared)
    if (content.infinities > 0) return { type: 'double precision', note: 'the column holds infinity' }
    if (scale === null) return { type: 'numeric', note: null }
    const [precision, digits] = scale
    if (content.beyondScale === 0) return { type: `numeric(${precision}, ${digits})`, note: null }
    return { type: 'numeric', note: `${content.beyondScale} values do not fit ${declared}: numeric without limits` }
  }
  if (reals > 0) {
    const isBig = content.highest > 2n ** 53n || content.lowest < -(2n ** 53n)
    return isBig && content.infinities === 0
      ? { type: 'numeric', note: 'some integers among the reals are too big for a double' }
      : { type: 'double precision', note: null }
  }
  const fits = content.lowest >= INTEGER_LOWEST && content.highest <= INTEGER_HIGHEST
  return { type: fits && !isKey && !/BIG|INT8/.test(declared) ? 'integer' : 'bigint', note: null }
}

/** The sentence for a column whose values do not fit its declared type; null for other columns. */
function unmetPromise(declared: string, type: string): string | null {
  if (declared === '' || (declared === 'BLOB' && type === 'bytea')) return null
  const note = `${declared} holds other values: it became ${type}`
  if (/DATE|TIME|BOOL|JSON|UUID|GUID/.test(declared)) return note
  if (declared.includes('INT')) return type === 'integer' || type === 'bigint' ? null : note
  if (isTextual(declared)) return type === 'text' ? null : note
  if (/REAL|FLOA|DOUB/.test(declared)) return type === 'double precision' ? null : note
  return type === 'text' || type === 'bytea' ? note : null
}

function emptyType(declared: string): string {
  if (declared.includes('INT')) return 'bigint'
  if (isTextual(declared) || declared === '') return 'text'
  if (declared.includes('BLOB')) return 'bytea'
  if (/REAL|FLOA|DOUB/.test(declared)) return 'double precision'
  const scale = scaleOf(declared)
  return scale === null ? 'numeric' : `numeric(${scale.join(', ')})`
}

function isTextual(declared: string): boolean {
  return !declared.includes('INT') && /CHAR|CLOB|TEXT/.test(declared)
}

/** Whether SQLite gives this declared type the affinity NUMERIC, that is, none of the other four. */
function isNumeric(declared: string): boolean {
  return declared !== '' && !/INT|CHAR|CLOB|TEXT|BLOB|REAL|FLOA|DOUB|BOOL|DATE|TIME/.test(declared)
}

function scaleOf(declared: string): readonly [precision: number, scale: number] | null {
  const found = /^(?:NUMERIC|DECIMAL|DEC)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)$/.exec(declared)
  return found === null ? null : [Number(found[1]), Number(found[2] ?? 0)]
}

/** Lets SQLite itself convert numbers to text in a column with texts, and texts to bytes in a column with blobs. */
function readsAs(name: string, type: string, { integers, reals, texts }: ColumnContent): string {
  const column = quoted(name)
  if (type === 'text' && integers + reals > 0)
    return `case when typeof(${column}) in ('integer', 'real') then cast(${column} as text) else ${column} end`
  return type === 'bytea' && integers + reals + texts > 0 ? `cast(${column} as blob)` : column
}
