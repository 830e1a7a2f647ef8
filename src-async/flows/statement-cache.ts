/**
 * Server-side statements by their text: an LRU with asyncpg's three limits. Whatever the session itself does that may
 * change what a text means (DDL, settings, the end of a transaction that held either) empties the cache; see
 * docs/guides/prepared-statements.md. A statement that falls out is not closed at once: its name waits here and travels
 * with the next flight, so that eviction costs no trip of its own.
 */
import type { CodecRegistry } from '../values/registry.ts'
import type { Statement } from '../values/statement.ts'
import { TextMemory } from './text-memory.ts'

export interface StatementCacheLimits {
  /** Most statements kept; 0 turns the cache off, and statements are unnamed then (for poolers). */
  readonly size: number
  /** Longest life of an entry from its insertion; 0 for no limit. */
  readonly lifetimeMs: number
  /** Texts longer than this, in UTF-16 units, are not cached; 0 for no limit. */
  readonly maxSqlLength: number
}

interface Entry {
  readonly statement: Statement
  readonly expiresAtMs: number
  /** Whether it speaks of types that a rollback would take back. */
  isTentative: boolean
}

/** What of a finished statement says whether it has changed the meaning of others. */
export interface FinishedStatement {
  /** null when it gave no rows, nor could have. */
  readonly columns: readonly unknown[] | null
  readonly traits: { readonly changesMeaning: boolean; readonly callsUnknown: boolean }
}

const NOTHING_TO_CLOSE: readonly string[] = []
/** Reported parameters that decide nothing about the meaning of a text. */
const HARMLESS_PARAMETERS: ReadonlySet<string> = new Set([
  'application_name',
  'default_transaction_read_only',
  'in_hot_standby',
  'scram_iterations',
])
/** Commands after which a name may mean another thing. DO may hide any of them. */
const SCHEMA_COMMANDS = /^(?:CREATE|ALTER|DROP|IMPORT|DISCARD|DO|COMMIT PREPARED|ROLLBACK PREPARED)\b/
/** Commands after which a type that is known by its OID may be made of other parts. */
const TYPE_COMMANDS = /^(?:ALTER|DO|COMMIT PREPARED|ROLLBACK PREPARED)\b/

/** Commands after which a statement of any name may be gone. */
const FORGETTING_COMMANDS = /^(?:DEALLOCATE|DISCARD|DO|CALL)\b/
/** Commands whose effect is in the database, or ends with the transaction. '' is an empty text, or a cursor's trip. */
const PASSING_COMMANDS =
  /^(?:|BEGIN|START TRANSACTION|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|MERGE \d+|COPY \d+|FETCH \d+|SHOW|EXPLAIN|ANALYZE|VACUUM|TRUNCATE TABLE|NOTIFY)$/

export class StatementCache {
  readonly #limits: StatementCacheLimits
  readonly #registry: CodecRegistry
  readonly #entries = new Map<string, Entry>()
  #closing: string[] = []
  /** Whether this transaction changed what texts mean: its end may change that back. */
  #isTouched = false
  /** Whether a setting that decides about meanings was changed, so that a RESET has something to take back. */
  #hasSettings = false
  /** Behind a pooler other clients' statements may be where ours go: names of different connections never meet. */
  readonly #token = Math.random().toString(36).slice(2, 8)
  #names = 0
  /** Whether nothing is closed for now: a request that waits in a pipeline may name a statement that has fallen out. */
  isClosingHeld = false
  /** Forgotten with the entries: what is known of the parameters of texts. */
  readonly texts: TextMemory
  /** Counts the times that everything was forgotten: what others remember of the server is as old as this number. */
  generation = 0
  /**
   * Counts commands that may have left something on the session, as far as their tags and texts say: settings, locks,
   * cursors, subscriptions. What functions do is not seen.
   */
  leftovers = 0
  /** Counts commands that may have had the session forget statements that are not of this cache. */
  losses = 0
  /** Counts transactions that were committed. */
  commits = 0
  /** Counts transactions, and rollbacks to a savepoint: a statement accepted in this one holds its locks still. */
  transaction = 1
  /** Counts statements that may have done anything. */
  #unknownCalls = 0

  /** @param registry is told, with the cache, how transactions end. */
  constructor(limits: StatementCacheLimits, registry: CodecRegistry) {
    this.#limits = limits
    this.#registry = registry
    this.texts = new TextMemory(limits.lifetimeMs)
  }

  /** Changes when a statement that the server accepted before may be refused now, in spite of its locks. */
  get proof(): number {
    return this.transaction + this.#unknownCalls
  }

  /** Whether a statement with this text may have a name and be kept. */
  isCacheable(sql: string): boolean {
    const { size, maxSqlLength } = this.#limits
    return size > 0 && (maxSqlLength === 0 || sql.length <= maxSqlLength)
  }

  get(key: string): Statement | null {
    if (this.#registry.forgetIfOutdated()) this.clear()
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

  /** Whether there is an entry, used by this or not. */
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

  /** Drops one entry; the server's half is closed with the next flight. */
  forget(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#entries.delete(key)
    this.#closing.push(entry.statement.name)
  }

  /** A statement that the server has and nobody wants: it is closed with the next flight. */
  discard(name: string): void {
    this.#closing.push(name)
  }

  /** Drops every entry of this text, whatever types it was declared with, and what was learned of its types. */
  forgetText(sql: string): void {
    this.texts.forget(sql)
    let hasLearned = false
    for (const [key, { statement }] of this.#entries) {
      // Not the statement's own: where places of one name were joined, the server has another text.
      if (textOf(key) !== sql) continue
      hasLearned ||= this.#isLearned(statement)
      this.forget(key)
    }
    if (hasLearned) this.#registry.forget()
  }

  /** Drops every entry of which the server may have lost or outdated its half. */
  clear(): void {
    this.generation += 1
    this.texts.clear()
    for (const key of [...this.#entries.keys()]) this.forget(key)
  }

  /** Drops what the server has lost already, by a command of its own: there is nothing to close. */
  #clearLost(): void {
    this.generation += 1
    this.texts.clear()
    this.#entries.clear()
    this.#closing = []
  }

  /** No transaction is open: whatever the last one changed is settled, one way or the other. */
  beginTransaction(): void {
    this.transaction += 1
    if (!this.#isTouched) return
    this.#isTouched = false
    this.clear()
  }

  /** Looks at the tag of a finished command, which says whether it has changed what texts mean. */
  heed(tag: string, { columns, traits }: FinishedStatement): void {
    if (traits.changesMeaning) this.#touchSettings()
    if (traits.callsUnknown) this.#unknownCalls += 1
    // Nearly all statements are one of these. A SELECT without columns has made a table: SELECT INTO, CREATE TABLE AS.
    if (tag.startsWith('SELECT')) {
      if (columns === null) this.#touch()
      return
    }
    if (tag.startsWith('INSERT') || tag.startsWith('UPDATE') || tag.startsWith('DELETE')) return
    this.#heedCommand(tag)
  }

  #heedCommand(tag: string): void {
    if (!PASSING_COMMANDS.test(tag)) this.leftovers += 1
    if (FORGETTING_COMMANDS.test(tag)) this.losses += 1
    switch (tag) {
      case 'DEALLOCATE ALL':
        return this.#clearLost()
      case 'DISCARD ALL':
        this.#hasSettings = false
        return this.#clearLost()
      case 'COMMIT':
        this.commits += 1
        // SET LOCAL and ON COMMIT DROP end here.
        for (const entry of this.#entries.values()) entry.isTentative = false
        return this.#endTransaction(true)
      case 'ROLLBACK':
        // To a savepoint or of everything: what was learned of this transaction's own types may be wrong from here on.
        for (const [key, entry] of this.#entries) if (entry.isTentative) this.forget(key)
        return this.#endTransaction(false)
      case 'RESET':
        if (this.#hasSettings) this.#touchSettings()
        return
      default:
        if (!SCHEMA_COMMANDS.test(tag)) return
        this.#touch()
        if (TYPE_COMMANDS.test(tag)) this.#registry.forget()
    }
  }

  /** The server reports that a parameter has another value now, by whatever cause. */
  heedParameter(name: string): void {
    if (!HARMLESS_PARAMETERS.has(name)) this.#touch()
  }

  /** Every setting is what it was when the session began: a later RESET takes nothing back. */
  settingsWereReset(): void {
    this.#hasSettings = false
  }

  /** A call ended without a word of what it did: it may have done anything. */
  doubt(): void {
    this.losses += 1
    this.#touchSettings()
    this.#registry.forget()
  }

  #endTransaction(isCommitted: boolean): void {
    this.transaction += 1
    // It stays touched: a rollback to a savepoint does not end it.
    if (this.#isTouched) this.clear()
    this.#registry.settle(isCommitted)
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

  /** Statements to be closed in the flight about to leave; the caller sends them. */
  takeClosing(): readonly string[] {
    if (this.#closing.length === 0 || this.isClosingHeld) return NOTHING_TO_CLOSE
    const closing = this.#closing
    this.#closing = []
    return closing
  }

  /** A name no statement of this connection has had. */
  nextName(): string {
    this.#names += 1
    return `syncpg_${this.#token}_${this.#names}`
  }
}

/** The key of a text that is declared with these types. No SQL has the character between them. */
export function keyOf(sql: string, types: readonly number[]): string {
  return types.length === 0 ? sql : `${types.join(',')}\0${sql}`
}

function textOf(key: string): string {
  return key.slice(key.indexOf('\0') + 1)
}
