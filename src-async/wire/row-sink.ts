/**
 * The interface that takes rows. The wire cuts the stream of bytes into *runs*: whole DataRow messages that follow each
 * other. It passes them on undecoded: to a decoder (async API), to the ring (worker), to a row buffer (blocked thread).
 */

/** One column of a result, with the fields of the server's RowDescription message. */
export interface Column {
  readonly name: string
  /** 0 when the column is not from a table. */
  readonly tableOid: number
  readonly tableColumn: number
  readonly typeOid: number
  /** pg_type.typlen, which is negative for types of variable width. */
  readonly typeSize: number
  readonly typeModifier: number
}

/** The server's description of a statement. */
export interface Description {
  /** Type OIDs of the parameters; null when the request asked for the rows only. */
  readonly parameterTypes: readonly number[] | null
  /** null when the statement returns no rows. */
  readonly columns: readonly Column[] | null
}

/** Takes bytes that belong to the caller. It must copy what it keeps before it returns, and must not throw. */
export interface ByteSink {
  take(bytes: Uint8Array, start: number, end: number): void
}

export interface RowSink extends ByteSink {
  /**
   * Takes a run of whole DataRow messages: each is the letter `D`, an int32 length that counts itself, and the body. The bytes
   * belong to the caller and change after the return, so a sink decodes or copies them now. It must not throw. A sink that
   * fails keeps the error and drops the rows that follow, and the flow throws the error at the end.
   */
  take(bytes: Uint8Array, start: number, end: number): void
  /** Called once, before the first row, when the request asks for a description. It must not throw. */
  describe?(description: Description): void
}

/** Takes the rows of a string with several statements. Each result ends before the next begins. */
export interface ResultSink extends RowSink {
  /** Ends a result: the rows since the last call belong to one statement. `columns` is null when it returns no rows. */
  complete(columns: readonly Column[] | null, tag: string): void
}
