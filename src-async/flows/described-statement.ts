/**
 * What a prepared statement tells of itself, on either face. The face runs it, and notes here how that ended.
 */
import type { RowShapeOptions } from '../values/row-shapes.ts'
import type { Statement } from '../values/statement.ts'
import type { ValueMeaning } from '../values/text-values.ts'
import { type Attribute, type TypeInfo, attributes, typeInfo } from '../values/type-info.ts'
import type { FlowContext } from './flow-context.ts'

/** What `prepare` was told for all calls of the statement that do not say it themselves. */
export interface StatementDefaults {
  readonly meaning: ValueMeaning
  /** How rows are made. */
  readonly rows: RowShapeOptions
}

/** What becomes of a statement while the program has it. */
export class StatementLife {
  isClosed = false
  /** The command tag of the last run. */
  tag: string | null = null
}

/** The part of both faces' prepared statements that asks the server nothing. */
export class DescribedStatement {
  readonly #context: FlowContext
  readonly #statement: Statement
  readonly #life: StatementLife

  constructor(context: FlowContext, statement: Statement, life: StatementLife) {
    this.#context = context
    this.#statement = statement
    this.#life = life
  }

  /** Its name on the server, for `EXECUTE name` in SQL. */
  get name(): string {
    return this.#statement.name
  }

  /** Its text. */
  get sql(): string {
    return this.#statement.sql
  }

  /** The types of its parameters, in order. */
  get parameters(): TypeInfo[] {
    return this.#statement.parameterTypes.map((oid) => typeInfo(this.#context.registry, oid))
  }

  /** Its columns; none for a statement without rows. */
  get columns(): Attribute[] {
    return attributes(this.#context.registry, this.#statement.columns)
  }

  /** The command tag of the last run, null before the first and after one that stopped early. */
  get statusmessage(): string | null {
    return this.#life.tag
  }
}
