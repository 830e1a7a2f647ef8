/**
 * Where rows go. The wire cuts a stream of bytes into runs of whole DataRow messages and hands them on undecoded: to a
 * decoder in the async API, to the ring in the worker, to a row buffer on the blocked thread.
 */

/** One column of a result, as RowDescription gives it. */
export interface Column {
  readonly name: string
  /** 0 when the column is not a table's. */
  readonly tableOid: number
  readonly tableColumn: number
  readonly typeOid: number
  /** pg_type.typlen: negative for variable width. */
  readonly typeSize: number
  readonly typeModifier: number
}

/** What a server says of a statement in the flight that runs it. */
export interface Description {
  /** Type OIDs of its parameters; null where only its rows were asked about. */
  readonly parameterTypes: readonly number[] | null
  /** null when it returns no rows. */
  readonly columns: readonly Column[] | null
}

/** Takes bytes that belong to the caller: what is to be kept is copied before the return. Must not throw. */
export interface ByteSink {
  take(bytes: Uint8Array, start: number, end: number): void
}

export interface RowSink extends ByteSink {
  /**
   * Takes a run of whole, adjacent DataRow messages: each is its letter `D`, an int32 length that counts itself, and
   * the body. The bytes belong to the caller and change after the return: what is to be kept is decoded or copied now.
   * Must not throw: a sink that fails remembers the failure, drops what follows, and the flow raises it at the end.
   */
  take(bytes: Uint8Array, start: number, end: number): void
  /** Called once, before the first row, where the request asks for a description. Must not throw either. */
  describe?(description: Description): void
}

/** Rows of a multi-statement string, in which each result ends before the next begins. */
export interface ResultSink extends RowSink {
  /** The rows taken since the last call were one statement's; `columns` is null where it returns none. */
  complete(columns: readonly Column[] | null, tag: string): void
}
