/** `pg.Result`: rows, their fields and the command, in pg's words. */
import type { ResultColumn } from '../../index.ts'
import { AS_TEXT, type CustomTypes, type TypeParser, types as pgTypes } from './pg-types.ts'

/** A column of a result. */
export interface FieldDef {
  /** The column's name. */
  readonly name: string
  /** The table's OID, 0 for an expression. */
  readonly tableID: number
  /** The column's number in its table, 0 for an expression. */
  readonly columnID: number
  /** The type's OID. */
  readonly dataTypeID: number
  /** Bytes of a value, -1 where they differ. */
  readonly dataTypeSize: number
  /** The type's modifier, -1 without one. */
  readonly dataTypeModifier: number
  /** Always `'text'`. */
  readonly format: 'text'
}

const COMMAND = /^([A-Za-z]+)(?: (\d+))?(?: (\d+))?/

/** The result of a statement. */
// oxlint-disable-next-line typescript/no-explicit-any -- as in pg: rows are whatever the program says they are.
export class Result<R = any> {
  /** The first word of the command tag: `SELECT`, `INSERT` … */
  command: string | null = null
  /** How many rows were returned or affected; null for a command that counts none. */
  rowCount: number | null = null
  /** The OID in the command tag of an old server, else null. */
  oid: number | null = null
  /** The rows. */
  rows: R[] = []
  /** The columns. */
  fields: FieldDef[] = []
  _parsers: TypeParser[] | undefined = undefined
  _types: CustomTypes | undefined
  /** Always null, as in pg. */
  readonly RowCtor: null = null
  /** Whether rows are arrays. */
  readonly rowAsArray: boolean

  /** @example const { command, rowCount } = await client.query('delete from item') // a Result: DELETE, 3 */
  constructor(rowMode?: string, types?: CustomTypes) {
    this._types = types
    this.rowAsArray = rowMode === 'array'
  }

  /**
   * Takes the command tag, `INSERT 0 2`.
   * @example
   *   const result = new Result()
   *   result.addCommandComplete({ text: 'INSERT 0 2' })
   *   console.log(result.command, result.rowCount) // INSERT 2
   */
  addCommandComplete({ text }: { readonly text: string }): void {
    const [, command, first, second] = COMMAND.exec(text) ?? []
    if (command === undefined) return
    this.command = command
    if (second !== undefined) {
      this.oid = Number(first)
      this.rowCount = Number(second)
    } else if (first !== undefined) this.rowCount = Number(first)
  }

  /**
   * Called for each row.
   * @example
   *   const result = new Result()
   *   result.addRow({ id: 1 })
   *   console.log(result.rows) // [ { id: 1 } ]
   */
  addRow(row: R): void {
    this.rows.push(row)
  }

  /**
   * Called for the columns of a result.
   * @example
   *   const result = new Result()
   *   result.addFields([{ name: 'id', dataTypeID: 23 }])
   *   console.log(result.fields.length) // 1
   */
  addFields(fields: readonly FieldDef[]): void {
    this.fields = [...fields]
    const table = this._types ?? pgTypes
    this._parsers = fields.map((field) => table.getTypeParser(field.dataTypeID, 'text'))
  }

  /**
   * Parses one row of the server's text.
   * @throws the error of a parser
   * @example
   *   const result = new Result()
   *   result.addFields([{ name: 'id', dataTypeID: 23 }])
   *   console.log(result.parseRow(['7'])) // { id: 7 }
   */
  parseRow(values: readonly (string | null)[]): R {
    const names = this.fields.map(({ name }) => name)
    const row = this.rowAsArray ? [...values] : Object.fromEntries(names.map((name, index) => [name, values[index]]))
    return this.parseRows([row])[0]!
  }

  /**
   * Parses rows of the server's text in place. They are arrays or objects, as `rowAsArray` says.
   * @throws the error of a parser
   * @example
   *   const result = new Result()
   *   result.addFields([{ name: 'id', dataTypeID: 23 }])
   *   console.log(result.parseRows([{ id: '7' }])) // [ { id: 7 } ]
   */
  parseRows(rows: unknown[]): R[] {
    const parsers = this._parsers ?? []
    // If several columns have the same name, the row has the value of the last.
    const keys: (string | number)[] = this.fields.map(({ name }, index) => (this.rowAsArray ? index : name))
    const steps = parsers
      .map((parse, index) => ({ key: keys[index] as number, parse, isLast: !keys.includes(keys[index]!, index + 1) }))
      .filter(({ parse, isLast }) => parse !== AS_TEXT && isLast)
    if (steps.length > 0) for (const row of rows as unknown[][]) parseRow(row, steps)
    return rows as R[]
  }
}

function parseRow(row: unknown[], steps: readonly { readonly key: number; readonly parse: TypeParser }[]): void {
  for (const { key, parse } of steps) {
    const text = row[key]
    if (text !== null) row[key] = parse(text)
  }
}

/** The result of `query`, under the name that pg's declarations have. */
// oxlint-disable-next-line typescript/no-explicit-any
export type QueryResult<R = any> = Result<R>
/** A row, under the name that pg's declarations have. */
// oxlint-disable-next-line typescript/no-explicit-any
export type QueryResultRow = Record<string, any>

/** Turns the driver's description of a column into pg's. */
export function fieldOf(column: ResultColumn): FieldDef {
  return {
    name: column.name,
    tableID: column.tableOid,
    columnID: column.tableColumn,
    dataTypeID: column.typeOid,
    dataTypeSize: column.typeSize,
    dataTypeModifier: column.typeModifier,
    format: 'text',
  }
}
