/**
 * Server-side statements by their text: an LRU with asyncpg's three limits. What falls out is not closed at once; its
 * name waits here and travels with the next flight, so that eviction costs no trip of its own.
 */
import type { CodecRegistry } from '../values/registry.ts'
import type { Statement } from '../values/statement.ts'

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

const NOTHING_TO_CLOSE: readonly string[] = []

export class StatementCache {
  readonly #limits: StatementCacheLimits
  readonly #registry: CodecRegistry
  readonly #entries = new Map<string, Entry>()
  #closing: string[] = []
  /** Whether something was created or altered since a transaction ended: a rollback would take it back. */
  #hasNewSchema = false
  /** Behind a pooler other clients' statements may be where ours go: names of different connections never meet. */
  readonly #token = Math.random().toString(36).slice(2, 8)
  #names = 0

  /** @param registry is told, with the cache, how transactions end. */
  constructor(limits: StatementCacheLimits, registry: CodecRegistry) {
    this.#limits = limits
    this.#registry = registry
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

  /** Drops every entry of which the server may have lost or outdated its half. */
  clear(): void {
    for (const key of [...this.#entries.keys()]) this.forget(key)
  }

  /** Looks at the tag of a finished command: after some of them the server has dropped every statement by itself. */
  heed(tag: string): void {
    switch (tag) {
      case 'DISCARD ALL':
      case 'DEALLOCATE ALL':
        this.#entries.clear()
        this.#closing = []
        break
      case 'COMMIT':
        for (const entry of this.#entries.values()) entry.isTentative = false
        this.#settle(true)
        break
      case 'ROLLBACK':
        // To a savepoint or of everything: what was learned of this transaction's own types may be wrong from here on.
        for (const [key, entry] of this.#entries) if (entry.isTentative || this.#hasNewSchema) this.forget(key)
        this.#settle(false)
        break
      case 'ALTER TYPE':
      case 'ALTER TABLE':
        // A type may have other fields now, be it one of its own or that of a table's rows.
        for (const [key, { statement }] of this.#entries) if (this.#isLearned(statement)) this.forget(key)
        this.#registry.forget()
        this.#hasNewSchema = true
        break
      default:
        if (/^(?:CREATE|ALTER|DROP) /.test(tag)) this.#hasNewSchema = true
    }
  }

  #isLearned(statement: Statement): boolean {
    for (const oid of statement.types()) if (this.#registry.recordOf(oid) !== undefined) return true
    return false
  }

  #settle(isCommitted: boolean): void {
    this.#hasNewSchema = false
    this.#registry.settle(isCommitted)
  }

  /** Statements to be closed in the flight about to leave; the caller sends them. */
  takeClosing(): readonly string[] {
    if (this.#closing.length === 0) return NOTHING_TO_CLOSE
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
