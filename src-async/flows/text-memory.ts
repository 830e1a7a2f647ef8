/**
 * What the server's answers taught about texts with parameters, beside the statements that are kept: which parameters had
 * to be told, and which texts need nothing of the kind. It serves texts of which no statement is kept too. The statement
 * cache forgets it together with the text.
 */
interface Told {
  readonly indexes: readonly number[]
  readonly expiresAtMs: number
}

/** Texts of which something is remembered. */
const MOST_REMEMBERED = 200

export class TextMemory {
  readonly #lifetimeMs: number
  readonly #told = new Map<string, Told>()
  readonly #determined = new Set<string>()

  /** @param lifetimeMs how long told parameters are remembered; 0 for no limit */
  constructor(lifetimeMs: number) {
    this.#lifetimeMs = lifetimeMs
  }

  /** The indexes of the parameters whose types the server could not tell; null where nothing is remembered. */
  told(sql: string): readonly number[] | null {
    const told = this.#told.size === 0 ? undefined : this.#told.get(sql)
    if (told === undefined) return null
    if (told.expiresAtMs >= Date.now()) return told.indexes
    this.#told.delete(sql)
    return null
  }

  rememberTold(sql: string, indexes: readonly number[]): void {
    if (this.#told.size >= MOST_REMEMBERED) this.#told.clear()
    this.#told.set(sql, { indexes, expiresAtMs: this.#lifetimeMs > 0 ? Date.now() + this.#lifetimeMs : Infinity })
  }

  forgetTold(sql: string): void {
    this.#told.delete(sql)
  }

  /** Whether the server could tell the types of an unnamed statement: it needs no savepoint before it. */
  isDetermined(sql: string): boolean {
    return this.#determined.has(sql)
  }

  rememberDetermined(sql: string): void {
    if (this.#determined.size >= MOST_REMEMBERED) this.#determined.clear()
    this.#determined.add(sql)
  }

  forgetDetermined(sql: string): void {
    this.#determined.delete(sql)
  }

  forget(sql: string): void {
    this.#told.delete(sql)
    this.#determined.delete(sql)
  }

  clear(): void {
    this.#told.clear()
    this.#determined.clear()
  }
}
