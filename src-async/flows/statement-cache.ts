/**
 * The cache of prepared statements, by text: an LRU cache with asyncpg's three limits. The cache is emptied when this
 * session may have changed the meaning of a text: after DDL, after a change of settings, and at the end of a
 * transaction that had either. See docs/guides/prepared-statements.md. A statement that is dropped from the cache is
 * not closed at once. Its name waits here and is sent with the next request, so dropping costs no round trip.
 */
import { type SchemaChanges, noChanges } from './schema-changes.ts'
import type { CodecRegistry } from '../values/registry.ts'
import type { Statement } from '../values/statement.ts'
import { TextMemory } from './text-memory.ts'

export interface StatementCacheLimits {
  /**
   * How many statements are kept at most. 0 turns the cache off: then statements are unnamed, as some poolers need it.
   */
  readonly size: number
  /** How long an entry is valid after it was added; 0 for no limit. */
  readonly lifetimeMs: number
  /** Texts longer than this, in UTF-16 units, are not cached; 0 for no limit. */
  readonly maxSqlLength: number
}

interface Entry {
  readonly statement: Statement
  readonly expiresAtMs: number
  /** Whether it uses types that a rollback would undo. */
  isTentative: boolean
}

/** The properties of a finished statement that tell whether it may have changed the meaning of other texts. */
export interface FinishedStatement {
  /** null for a statement that returns no rows. */
  readonly columns: readonly unknown[] | null
  readonly traits: { readonly changesMeaning: boolean; readonly callsUnknown: boolean }
}

const NOTHING_TO_CLOSE: readonly string[] = []
/** Parameters that the server reports and that do not change the meaning of a text. */
const HARMLESS_PARAMETERS: ReadonlySet<string> = new Set([
  'application_name',
  'default_transaction_read_only',
  'in_hot_standby',
  'scram_iterations',
])
/** Commands that may change the meaning of a name. DO may run any of them. */
const SCHEMA_COMMANDS = /^(?:CREATE|ALTER|DROP|IMPORT|DISCARD|DO|COMMIT PREPARED|ROLLBACK PREPARED)\b/
/** Commands that may change the parts of a type with a known OID. */
const TYPE_COMMANDS = /^(?:ALTER|DO|COMMIT PREPARED|ROLLBACK PREPARED)\b/

/**
 * Commands that may change what texts mean for other connections too. CREATE is missing, because programs create temporary
 * tables all the time, and a new name changes the meaning of few texts.
 */
const SHARED_COMMANDS =
  /^(?:(?:ALTER|DROP) (?:(?:FOREIGN )?TABLE|(?:MATERIALIZED )?VIEW|TYPE|DOMAIN|SCHEMA|EXTENSION|OWNED|FUNCTION|PROCEDURE|ROUTINE|AGGREGATE|OPERATOR|CAST)|IMPORT|COMMIT PREPARED)\b/
/** Those of them that leave all types as they are. Programs drop temporary tables all the time, too. */
const TYPES_STAY = /^DROP (?:TABLE|VIEW|FUNCTION|PROCEDURE|ROUTINE|AGGREGATE|OPERATOR|CAST)\b/

/** Commands that may remove prepared statements of any name. */
const FORGETTING_COMMANDS = /^(?:DEALLOCATE|DISCARD|DO|CALL)\b/
/**
 * Commands that leave nothing on the session: their effect is in the database, or ends with the transaction. '' is an
 * empty text, or a fetch of a cursor.
 */
const PASSING_COMMANDS =
  /^(?:|BEGIN|START TRANSACTION|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|MERGE \d+|COPY \d+|FETCH \d+|SHOW|EXPLAIN|ANALYZE|VACUUM|TRUNCATE TABLE|NOTIFY)$/

export class StatementCache {
  readonly #limits: StatementCacheLimits
  readonly #registry: CodecRegistry
  readonly #entries = new Map<string, Entry>()
  #closing: string[] = []
  /** Whether this transaction has changed the meaning of texts. Its end may change it back. */
  #isTouched = false
  /** Whether a setting that influences meanings was changed, so that a RESET changes it back. */
  #hasSettings = false
  /**
   * A random part of statement names. Behind a pooler, several connections may share one server session, so their
   * names must differ.
   */
  readonly #token = Math.random().toString(36).slice(2, 8)
  #names = 0
  /**
   * While true, no statement is closed, because a waiting request of a pipeline may use one that was dropped from the
   * cache.
   */
  isClosingHeld = false
  /** What is known about the parameters of texts. It is forgotten together with the entries. */
  readonly texts: TextMemory
  /**
   * Counts how often the whole cache was emptied. Other code compares it to see whether its own knowledge about the
   * server is stale.
   */
  generation = 0
  /**
   * Counts commands that may have left settings, locks, cursors or LISTENs on the session, as far as their tags and
   * texts show. Effects of functions are not counted.
   */
  leftovers = 0
  /** Counts commands that may have removed prepared statements which are not in this cache. */
  losses = 0
  /** Counts transactions that were committed. */
  commits = 0
  /**
   * Counts transactions, and rollbacks to a savepoint. A statement that was accepted under the current number still
   * holds its locks.
   */
  transaction = 1
  /** Counts statements that may have had any effect. */
  #unknownCalls = 0

  readonly #changes: SchemaChanges
  /** How many changes this connection has followed. */
  #seenChanges: number
  #seenTypeChanges: number
  /** What this transaction has changed for others. They see it when it is committed. */
  #announced: 'nothing' | 'texts' | 'types' = 'nothing'

  /**
   * @param registry gets the same notices about the ends of transactions as the cache
   * @param changes what other connections to the database have changed
   */
  constructor(limits: StatementCacheLimits, registry: CodecRegistry, changes: SchemaChanges = noChanges()) {
    this.#limits = limits
    this.#registry = registry
    this.#changes = changes
    this.#seenChanges = changes.count
    this.#seenTypeChanges = changes.typeCount
    this.texts = new TextMemory(limits.lifetimeMs)
  }

  /**
   * A number that changes when the server may refuse a statement that it accepted before, in spite of the statement's
   * locks.
   */
  get proof(): number {
    return this.transaction + this.#unknownCalls
  }

  /** Whether a statement with this text may have a name and be kept. */
  isCacheable(sql: string): boolean {
    const { size, maxSqlLength } = this.#limits
    return size > 0 && (maxSqlLength === 0 || sql.length <= maxSqlLength)
  }

  get(key: string): Statement | null {
    this.forgetOutdated()
    const entry = this.#entries.get(key)
    if (entry === undefined) return null
    if (entry.expiresAtMs < Date.now()) {
      this.forget(key)
      return null
    }
    // Insertion order is the order of use: a hit moves to the end.
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry.statement
  }

  /**
   * Forgets what may be out of date: everything, when a value has shown that a type was altered, or another connection of
   * this thread has changed the schema; types, and the statements that use them, when they are as old as a statement may be.
   */
  forgetOutdated(): void {
    const registry = this.#registry
    const { lifetimeMs } = this.#limits
    let isOutdated = registry.forgetIfOutdated()
    if (this.#seenChanges !== this.#changes.count) {
      this.#followTypes()
      this.#seenChanges = this.#changes.count
      isOutdated = true
    }
    if (isOutdated) return this.clear()
    if (lifetimeMs === 0 || !registry.isLearnedBefore(Date.now() - lifetimeMs)) return
    for (const [key, { statement }] of this.#entries) if (this.#isLearned(statement)) this.forget(key)
    registry.forget()
  }

  /** Whether there is an entry for the key. Does not count as a use. */
  has(key: string): boolean {
    return this.#entries.has(key)
  }

  put(key: string, statement: Statement): void {
    this.forget(key)
    const { size, lifetimeMs } = this.#limits
    const expiresAtMs = lifetimeMs > 0 ? Date.now() + lifetimeMs : Infinity
    this.#entries.set(key, { statement, expiresAtMs, isTentative: this.#registry.isTentative(statement.types()) })
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= size) break
      this.forget(oldest)
    }
  }

  /** Drops one entry. Its statement is closed with the next request. */
  forget(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#entries.delete(key)
    this.#closing.push(entry.statement.name)
  }

  /** Closes a statement that is not in the cache, with the next request. */
  discard(name: string): void {
    this.#closing.push(name)
  }

  /** Drops all entries of this text, with any declared types, and the types learned for it. */
  forgetText(sql: string): void {
    this.texts.forget(sql)
    let hasLearned = false
    for (const [key, { statement }] of this.#entries) {
      // The key's text is compared, because the statement's own text differs when parameters of the same name were
      // joined.
      if (textOf(key) !== sql) continue
      hasLearned ||= this.#isLearned(statement)
      this.forget(key)
    }
    if (hasLearned) this.#registry.forget()
  }

  /** Drops all entries, because the server's statements may be lost or stale. */
  clear(): void {
    this.generation += 1
    this.texts.clear()
    for (const key of [...this.#entries.keys()]) this.forget(key)
  }

  /** Drops all entries after a command that has removed all statements on the server, so there is nothing to close. */
  #clearLost(): void {
    this.generation += 1
    this.texts.clear()
    this.#entries.clear()
    this.#closing = []
  }

  /**
   * Called when a statement starts and no transaction is open. Drops all entries if the last transaction changed the
   * meaning of texts.
   */
  beginTransaction(): void {
    this.transaction += 1
    this.#announced = 'nothing'
    if (!this.#isTouched) return
    this.#isTouched = false
    this.clear()
  }

  /** Called with the tag of each finished command, which shows whether it may have changed the meaning of texts. */
  noteCommand(tag: string, { columns, traits }: FinishedStatement): void {
    if (traits.changesMeaning) this.#touchSettings()
    if (traits.callsUnknown) this.#unknownCalls += 1
    // Nearly all statements end here. A SELECT tag without columns is SELECT INTO or CREATE TABLE AS, which has made a
    // table.
    if (tag.startsWith('SELECT')) {
      if (columns === null) this.#touch()
      return
    }
    if (tag.startsWith('INSERT') || tag.startsWith('UPDATE') || tag.startsWith('DELETE')) return
    this.#noteOtherCommand(tag)
  }

  #noteOtherCommand(tag: string): void {
    if (!PASSING_COMMANDS.test(tag)) this.leftovers += 1
    if (FORGETTING_COMMANDS.test(tag)) this.losses += 1
    switch (tag) {
      case 'DEALLOCATE ALL':
        this.#registry.forget()
        return this.#clearLost()
      case 'DISCARD ALL':
        this.#registry.forget()
        this.#hasSettings = false
        return this.#clearLost()
      case 'COMMIT':
        this.commits += 1
        if (this.#announced !== 'nothing') this.#announce(this.#announced)
        this.#announced = 'nothing'
        // SET LOCAL and ON COMMIT DROP end here.
        for (const entry of this.#entries.values()) entry.isTentative = false
        return this.#endTransaction(true)
      case 'ROLLBACK':
        // A rollback of the transaction or to a savepoint. Types that were created in this transaction may no longer
        // exist.
        for (const [key, entry] of this.#entries) if (entry.isTentative) this.forget(key)
        return this.#endTransaction(false)
      case 'RESET':
        if (this.#hasSettings) this.#touchSettings()
        return
      default:
        if (!SCHEMA_COMMANDS.test(tag)) return
        this.#touch()
        if (TYPE_COMMANDS.test(tag)) this.#registry.forget()
        if (!SHARED_COMMANDS.test(tag)) return
        this.#announce(TYPES_STAY.test(tag) ? 'texts' : 'types')
    }
  }

  /** Called when the server reports that a parameter has changed, for any reason. */
  noteParameter(name: string): void {
    if (!HARMLESS_PARAMETERS.has(name)) this.#touch()
  }

  /** Called when all settings have their initial values again. A later RESET changes nothing. */
  settingsWereReset(): void {
    this.#hasSettings = false
  }

  /** Called when a call ended and its outcome is unknown. It may have done anything. */
  noteUnknownOutcome(): void {
    this.losses += 1
    this.#touchSettings()
    this.#registry.forget()
  }

  #endTransaction(isCommitted: boolean): void {
    this.transaction += 1
    // `#isTouched` stays true, because a rollback to a savepoint does not end the transaction.
    if (this.#isTouched) this.clear()
    this.#registry.settle(isCommitted)
  }

  /** Tells the other connections of the thread that the schema has changed. This one has emptied its cache. */
  #announce(what: 'texts' | 'types'): void {
    if (this.#announced !== 'types') this.#announced = what
    this.#followTypes()
    this.#changes.count += 1
    if (what === 'types') this.#changes.typeCount += 1
    this.#seenChanges = this.#changes.count
    this.#seenTypeChanges = this.#changes.typeCount
  }

  /** Forgets the learned types when another connection may have changed one. */
  #followTypes(): void {
    if (this.#seenTypeChanges === this.#changes.typeCount) return
    this.#seenTypeChanges = this.#changes.typeCount
    this.#registry.forget()
  }

  #touchSettings(): void {
    this.leftovers += 1
    this.#hasSettings = true
    this.#touch()
  }

  #touch(): void {
    this.#isTouched = true
    this.clear()
  }

  #isLearned(statement: Statement): boolean {
    for (const oid of statement.types()) if (this.#registry.recordOf(oid) !== undefined) return true
    return false
  }

  /** The names of statements to close with the next request. The caller must send them. */
  takeClosing(): readonly string[] {
    if (this.#closing.length === 0 || this.isClosingHeld) return NOTHING_TO_CLOSE
    const closing = this.#closing
    this.#closing = []
    return closing
  }

  /** A name that no statement of this connection has had before. */
  nextName(): string {
    this.#names += 1
    return `syncpg_${this.#token}_${this.#names}`
  }
}

/** The cache key of a text with declared types. The character between them cannot occur in SQL. */
export function keyOf(sql: string, types: readonly number[]): string {
  return types.length === 0 ? sql : `${types.join(',')}\0${sql}`
}

function textOf(key: string): string {
  return key.slice(key.indexOf('\0') + 1)
}
