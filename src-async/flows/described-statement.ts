/**
 * The part of a prepared statement that both faces share: its name, text, parameters and columns. Each face runs the
 * statement and stores the outcome here.
 */
import type { RowShapeOptions } from '../values/row-shapes.ts'
import type { Statement } from '../values/statement.ts'
import type { ValueMeaning } from '../values/text-values.ts'
import { type Attribute, type TypeInfo, attributes, typeInfo } from '../values/type-info.ts'
import type { FlowContext } from './flow-context.ts'

/** Options of `prepare` for calls of the statement that set none. */
export interface StatementDefaults {
  readonly meaning: ValueMeaning
  /** The options for rows. */
  readonly rows: RowShapeOptions
}

/** The state of a prepared statement that changes with its calls. */
export class StatementLife {
  isClosed = false
  /** The command tag of the last run. */
  tag: string | null = null
}

/** The properties of a prepared statement that need no round trip. */
export class DescribedStatement {
  readonly #context: FlowContext
  readonly #statement: Statement
  readonly #life: StatementLife

  constructor(context: FlowContext, statement: Statement, life: StatementLife) {
    this.#context = context
    this.#statement = statement
    this.#life = life
  }

  /** The statement's name on the server, for `EXECUTE name` in SQL. */
  get name(): string {
    return this.#statement.name
  }

  /** The SQL text of the statement. */
  get sql(): string {
    return this.#statement.sql
  }

  /** The types of the statement's parameters, in order. */
  get parameters(): TypeInfo[] {
    return this.#statement.parameterTypes.map((oid) => typeInfo(this.#context.registry, oid))
  }

  /** The statement's columns; empty for a statement that returns no rows. */
  get columns(): Attribute[] {
    return attributes(this.#context.registry, this.#statement.columns)
  }

  /**
   * The command tag of the last run. null before the first run, and after a run that failed or fetched only a part of
   * the rows.
   */
  get statusmessage(): string | null {
    return this.#life.tag
  }
}
