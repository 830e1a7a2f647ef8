/**
 * The connections of a thread to one database tell each other about changes of the schema, because each remembers descriptions
 * of statements and types. A server tells a session nothing of what others have changed.
 */

/** Where a connection leads to. The host is null when several were named, and for an embedded PostgreSQL. */
interface Target {
  readonly host: string | null
  readonly port: number | null
  readonly database: string
}

/** What the connections to one database share. */
export interface SchemaChanges {
  /** How many changes the connections have made. */
  count: number
  /** How many of them may have changed a type. */
  typeCount: number
}

export function noChanges(): SchemaChanges {
  return { count: 0, typeCount: 0 }
}

const changesOf = new Map<string, SchemaChanges>()

/** Shared by all connections of the thread to the same host, port and database. An embedded server has one connection. */
export function schemaChangesOf({ host, port, database }: Target): SchemaChanges {
  if (host === null) return noChanges()
  const key = `${host}:${port}/${database}`
  let changes = changesOf.get(key)
  if (changes === undefined) {
    changes = noChanges()
    changesOf.set(key, changes)
  }
  return changes
}
