/**
 * SQL composed of parts: the tag `sql`, whose values become parameters, and `format`, for runtime strings with the letters of
 * the server's own `format()`. Text gets into the SQL only through a helper that names it, such as `sql.raw`.
 */
import { ProgrammingError } from '../errors/tree.ts'
import { describeValue } from '../errors/describe-value.ts'
import { Lexer, TOKEN } from './sql-lexer.ts'
import { quoteIdentifier, quoteLiteral } from './sql.ts'

/** A value that becomes a parameter. */
class Parameter {
  readonly value: unknown

  constructor(value: unknown) {
    this.value = value
  }
}

type Part = string | Parameter

let partsOf: (sql: Sql) => readonly Part[]

/** Composed SQL: a statement, or a part of one. Pass it to `execute` or `fetch` in place of a text and its values. */
export class Sql {
  static {
    partsOf = (sql) => sql.#parts
  }

  readonly #parts: readonly Part[]
  #text: string | null = null

  /** Made by `sql` and its helpers. */
  constructor(parts: readonly unknown[]) {
    this.#parts = parts.map((part) =>
      typeof part === 'string' || part instanceof Parameter ? part : new Parameter(part),
    )
  }

  /** The text, with `$1` and so on in place of the values. @throws ProgrammingError when a value is inside quotes. */
  get text(): string {
    this.#text ??= numbered(this.#parts)
    return this.#text
  }

  /** The values, in the order of their numbers. */
  get values(): unknown[] {
    return this.#parts.filter((part) => part instanceof Parameter).map((part) => part.value)
  }

  /**
   * The text, as `text` has it.
   * @example console.log(String(sql`select * from item where id = ${7}`)) // select * from item where id = $1
   */
  toString(): string {
    return this.text
  }
}

function numbered(parts: readonly Part[]): string {
  let count = 0
  const text = parts.map((part) => (typeof part === 'string' ? part : `$${(count += 1)}`)).join('')
  const lexer = new Lexer(text, true)
  let markers = 0
  for (let token = lexer.next(); token !== TOKEN.END; token = lexer.next()) {
    if (token === TOKEN.NATIVE_PARAMETER) markers += 1
  }
  if (markers === count) return text
  throw new ProgrammingError(
    markers < count
      ? 'sql: a value stands inside quotes or a comment, where it would be text: remove the quotes'
      : 'sql: the text has markers of its own: put the values into the template instead of $1',
  )
}

/** The tag `sql` and its helpers. */
export interface SqlTag {
  /**
   * A template of SQL: values become parameters, and other `Sql` is inserted.
   * @example con.fetch(sql`select * from ${sql.id(table)} where id = ${id}`)
   */
  (strings: TemplateStringsArray, ...values: readonly unknown[]): Sql
  /**
   * A quoted name; several parts are joined by dots: `sql.id('public', 'My table')`.
   * @example console.log(sql.id('public', 'My table').text) // "public"."My table"
   */
  id(...parts: string[]): Sql
  /**
   * A value as a literal, for places that take no parameter: DDL, SET, NOTIFY.
   * @example console.log(sql`notify job, ${sql.lit("it's done")}`.text) // notify job, 'it''s done'
   */
  lit(value: unknown): Sql
  /**
   * Text that is inserted unchanged and unchecked: never use it for text from outside the program.
   * @example
   *   const order = 'desc'
   *   const names = con.fetch(sql`select name from item order by price ${sql.raw(order)}`)
   *   console.log(names[0].name) // cake
   */
  raw(text: string): Sql
  /**
   * Joins several parts with a separator, default `, `. A part that is no `Sql` becomes a parameter.
   * @example
   *   const found = sql.join([sql`name = ${'tea'}`, sql`price < ${5}`], ' and ')
   *   console.log(found.text, found.values) // name = $1 and price < $2 [ 'tea', 5 ]
   */
  join(parts: Iterable<unknown>, separator?: string | Sql): Sql
  /**
   * A list of values for IN: `where id in ${sql.in(ids)}`. `= any(${ids})` keeps one statement for any length.
   * @example
   *   const names = con.fetch(sql`select name from item where id in ${sql.in([1, 2])} order by id`)
   *   console.log(names.length) // 2
   */
  in(values: Iterable<unknown>): Sql
  /** Empty SQL, for a branch that adds nothing. */
  readonly empty: Sql
}

function tag(strings: TemplateStringsArray, ...values: readonly unknown[]): Sql {
  if (!Array.isArray(strings) || !('raw' in strings)) {
    throw new ProgrammingError('sql is a tag: write sql`…`, and sql.raw(text) for text that is SQL already')
  }
  const parts: unknown[] = []
  strings.forEach((text, index) => {
    parts.push(text)
    if (index < values.length) parts.push(...spliced(values[index]))
  })
  return new Sql(parts)
}

function spliced(value: unknown): readonly unknown[] {
  // A string among the values is a value, while a string among the parts is SQL.
  return value instanceof Sql ? partsOf(value) : [new Parameter(value)]
}

/** Marks text that is already SQL. */
function raw(text: string): Sql {
  if (typeof text !== 'string') throw new ProgrammingError(`sql.raw: expected a string, got ${describeValue(text)}`)
  return new Sql([text])
}

function join(parts: Iterable<unknown>, separator: string | Sql = ', '): Sql {
  const between = spliced(typeof separator === 'string' ? raw(separator) : separator)
  const joined: unknown[] = []
  let isFirst = true
  for (const part of parts) {
    if (!isFirst) joined.push(...between)
    joined.push(...spliced(part))
    isFirst = false
  }
  return new Sql(joined)
}

function inList(values: Iterable<unknown>): Sql {
  const list = [...values]
  if (list.length === 0) {
    throw new ProgrammingError('sql.in: the list is empty, and SQL has no empty list', {
      hint: 'write = any(${values}), which takes any number of values',
    })
  }
  return new Sql(['(', ...spliced(join(list)), ')'])
}

/** Composes SQL; see `SqlTag`. */
export const sql: SqlTag = Object.freeze(
  Object.assign(tag, {
    id: (...parts: string[]): Sql => new Sql([quoteIdentifier(...parts)]),
    lit: (value: unknown): Sql => new Sql([quoteLiteral(value)]),
    raw,
    join,
    in: inList,
    empty: new Sql([]),
  }),
)

const FORMAT = /%(?:(\d+)\$)?(.?)/gsu

/**
 * Puts values into a text, as the server's `format()` does: `%I` a name, quoted; `%L` a literal; `%s` text as it is; `%%`
 * a percent sign; `%2$L` the second value. For statements that take no parameters.
 * @throws ProgrammingError for a template that asks for more, or something else.
 * @example con.execute(format('comment on table %I is %L', 'item', "what's for sale"))
 */
export function format(template: string, ...values: readonly unknown[]): string {
  if (typeof template !== 'string') {
    throw new ProgrammingError(`format: expected a string, got ${describeValue(template)}`)
  }
  let next = 0
  return template.replaceAll(FORMAT, (specifier: string, position: string | undefined, letter: string) => {
    if (letter === '%' && position === undefined) return '%'
    const index = position === undefined ? next : Number(position) - 1
    next = index + 1
    if (!['I', 'L', 's'].includes(letter)) {
      throw new ProgrammingError(`format: ${describeValue(specifier)} is not supported; use %I, %L, %s or %%`)
    }
    if (index < 0 || index >= values.length) {
      throw new ProgrammingError(`format: the template asks for value ${index + 1}, ${values.length} were passed`)
    }
    return formatted(letter, values[index])
  })
}

function formatted(letter: string, value: unknown): string {
  if (letter === 'L') return quoteLiteral(value)
  if (letter === 'I') return quoteIdentifier(value as string)
  if (value === null) return ''
  if (['string', 'number', 'bigint', 'boolean'].includes(typeof value)) return String(value)
  throw new ProgrammingError(`format: %s: expected text or a number, got ${describeValue(value)}`)
}
