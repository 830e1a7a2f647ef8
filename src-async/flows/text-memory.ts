/**
 * What the server's answers have shown about texts, besides the cached statements: for which parameters a type must be
 * declared, for which texts the server can infer all types, and how to run a text that is not cached (see
 * run-at-once.ts). The statement cache clears it.
 */
interface Declared {
  readonly indexes: readonly number[]
  readonly expiresAtMs: number
}

/** How many texts are remembered at most. */
const MOST_REMEMBERED = 200
/**
 * How many texts with a run kind are remembered at most. A program that never repeats a text fills this again and
 * again.
 */
const MOST_RUNS = 1000

/**
 * How a text without a cached statement runs the next time. 'again': it ran once without a description, so the next run
 * is cached. 'text': its arguments are always sent as text, because the codec refuses a value that the server accepts.
 * 'described': it is described before it runs.
 */
export type RunKind = 'again' | 'text' | 'described'

export class TextMemory {
  readonly #lifetimeMs: number
  readonly #declared = new Map<string, Declared>()
  readonly #determined = new Set<string>()
  readonly #runs = new Map<string, RunKind>()

  /** @param lifetimeMs how long declared parameters are remembered; 0 for no limit */
  constructor(lifetimeMs: number) {
    this.#lifetimeMs = lifetimeMs
  }

  /** The indexes of the parameters whose types must be declared; null when none is remembered. */
  declared(sql: string): readonly number[] | null {
    const declared = this.#declared.size === 0 ? undefined : this.#declared.get(sql)
    if (declared === undefined) return null
    if (declared.expiresAtMs >= Date.now()) return declared.indexes
    this.#declared.delete(sql)
    return null
  }

  rememberDeclared(sql: string, indexes: readonly number[]): void {
    if (this.#declared.size >= MOST_REMEMBERED) this.#declared.clear()
    this.#declared.set(sql, { indexes, expiresAtMs: this.#lifetimeMs > 0 ? Date.now() + this.#lifetimeMs : Infinity })
  }

  forgetDeclared(sql: string): void {
    this.#declared.delete(sql)
  }

  /** Whether the server could infer all types of an unnamed statement. Then no savepoint is sent before it. */
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

  /** How to run the text; undefined for a new text. */
  runKind(sql: string): RunKind | undefined {
    return this.#runs.get(sql)
  }

  rememberRun(sql: string, kind: RunKind): void {
    if (this.#runs.size >= MOST_RUNS) this.#runs.clear()
    this.#runs.set(sql, kind)
  }

  forget(sql: string): void {
    this.#declared.delete(sql)
    this.#determined.delete(sql)
    this.#runs.delete(sql)
  }

  clear(): void {
    this.#declared.clear()
    this.#determined.clear()
    this.#runs.clear()
  }
}
