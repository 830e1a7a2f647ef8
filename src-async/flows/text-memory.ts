/**
 * What the server's answers taught about texts, beside the statements that are kept: which parameters had to be told, which
 * texts need nothing of the kind, and how a text is run that is not kept (see run-at-once.ts). The statement cache forgets
 * it together with the text.
 */
interface Told {
  readonly indexes: readonly number[]
  readonly expiresAtMs: number
}

/** Texts of which something is remembered. */
const MOST_REMEMBERED = 200
/** Texts that ran once. A program that never repeats itself fills this again and again. */
const MOST_RUNS = 1000

/**
 * How a text goes when no statement of it is kept. 'again': it ran once without a description, so it is worth keeping.
 * 'text': its arguments go as text each time, because the description would refuse what the server took. 'described': it is
 * described before it runs.
 */
export type RunKind = 'again' | 'text' | 'described'

export class TextMemory {
  readonly #lifetimeMs: number
  readonly #told = new Map<string, Told>()
  readonly #determined = new Set<string>()
  readonly #runs = new Map<string, RunKind>()

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

  /** How the text goes; undefined where it is new. */
  runKind(sql: string): RunKind | undefined {
    return this.#runs.get(sql)
  }

  rememberRun(sql: string, kind: RunKind): void {
    if (this.#runs.size >= MOST_RUNS) this.#runs.clear()
    this.#runs.set(sql, kind)
  }

  forget(sql: string): void {
    this.#told.delete(sql)
    this.#determined.delete(sql)
    this.#runs.delete(sql)
  }

  clear(): void {
    this.#told.clear()
    this.#determined.clear()
    this.#runs.clear()
  }
}
