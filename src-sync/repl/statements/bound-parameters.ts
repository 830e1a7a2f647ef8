/**
 * `\bind`: the values of `$1`, `$2` … for the next statement. The server reads them like quoted literals, so the statement is
 * prepared in SQL and executed by its name.
 */
import { type Connection, type Cursor, quoteIdentifier, quoteLiteral } from '../../index.ts'
import { ShellError } from '../print/complaint.ts'

/** @throws the server's error about the statement or its values. */
export function executeBound(
  connection: Connection,
  sql: string,
  values: readonly string[],
  use: (cursor: Cursor) => void,
): void {
  const statement = connection.prepare(sql)
  try {
    const wanted = statement.parameters.length
    if (values.length !== wanted) {
      throw new ShellError(`\\bind gave ${values.length} parameters, but the statement requires ${wanted}`)
    }
    executeNamed(connection, statement.name, values, use)
  } finally {
    if (!connection.closed) statement.close()
  }
}

/** Executes a prepared statement of the session by its name. @throws the server's error about it or its values. */
export function executeNamed(
  connection: Connection,
  name: string,
  values: readonly string[],
  use: (cursor: Cursor) => void,
): void {
  const list = values.length === 0 ? '' : `(${values.map(quoteLiteral).join(', ')})`
  use(connection.execute(`execute ${quoteIdentifier(name)}${list}`, null, { text: true, prepare: false }))
}
