/**
 * Owns the slots of a pool; a slot is the place of one connection. Decides which slot is free, which waiter gets it,
 * and when a connection is opened or closed. Each decision is one synchronous step, so a connection never has two
 * holders and is never lost between two steps. Knows nothing about holders and SQL.
 *
 * A free connection goes to the caller that has waited longest. Without waiters, the connection used last is used next, so
 * that surplus connections stay unused, expire and are closed. A connection attempt does not belong to the waiter that
 * started it: when that waiter has gone, the new connection serves another one or becomes idle.
 */
import { OperationalError } from '../errors/tree.ts'
import type { Occupancy } from './holders.ts'
import type { Lease } from './lease.ts'
import type { ConnectArguments, PoolActivity, PoolSettings } from './pool-options.ts'
import { Slot, type SlotPhase } from './slot.ts'
import { type Limit, withLimit } from '../with-limit.ts'
import { WaitQueue } from './wait-queue.ts'

/**
 * Time limit for closing a connection. A server closes a session at once when asked, so a connection that takes longer
 * is destroyed.
 */
const RETIRE_LIMIT_MS = 1000
/** When a check or a reset takes longer than this, waiters no longer rely on that connection. */
const SLOW_MS = 250
/** Each connection's lifetime is shortened by a random part of up to a tenth, so that they do not all expire together. */
const AGE_JITTER = 0.1

export class Keeper {
  readonly #settings: PoolSettings
  readonly #report: (error: unknown, during: PoolActivity) => void
  /** Called when there may be fewer connections than `minSize`. */
  readonly #onShort: () => void
  #connect: ConnectArguments
  #minSize: number
  #maxSize: number
  readonly #slots = new Set<Slot>()
  /** Idle slots; the one used last is at the end. */
  readonly #idle: Slot[] = []
  readonly #queue = new WaitQueue<Slot>()
  #generation = 0
  #closing = 0
  #isOpen = true
  #lastFailure: unknown = null
  #whenEmpty: (() => void)[] = []

  constructor(
    settings: PoolSettings,
    connect: ConnectArguments,
    report: (error: unknown, during: PoolActivity) => void,
    onShort: () => void,
  ) {
    this.#settings = settings
    this.#connect = connect
    this.#report = report
    this.#onShort = onShort
    this.#minSize = settings.minSize
    this.#maxSize = settings.maxSize
  }

  get minSize(): number {
    return this.#minSize
  }

  get maxSize(): number {
    return this.#maxSize
  }

  /** Connections that are open and not about to be closed. */
  get size(): number {
    return this.#slots.size - this.#closing - this.#count('connecting')
  }

  get idleSize(): number {
    return this.#idle.filter((slot) => !slot.isClosed).length
  }

  get waiting(): number {
    return this.#queue.size
  }

  /** How many connections have to be opened for `minSize`. */
  get missing(): number {
    return this.#isOpen ? Math.min(this.#minSize - this.#live, this.#maxSize - this.#slots.size) : 0
  }

  get occupancy(): Occupancy {
    const leases = [...this.#slots].flatMap(({ phase, lease }) => (phase === 'leased' && lease !== null ? [lease] : []))
    const connecting = this.#count('connecting')
    return { leases, maxSize: this.#maxSize, connecting, waiting: this.#queue.size, lastFailure: this.#lastFailure }
  }

  /** New connections are opened with these arguments. */
  connectWith(connect: ConnectArguments): void {
    this.#connect = connect
  }

  resize(minSize: number, maxSize: number): void {
    this.#minSize = minSize
    this.#maxSize = maxSize
    this.sweep()
    this.#serve()
    this.#onShort()
  }

  /** Marks all connections as outdated. Resolves when the idle ones are closed; the others are closed on release. */
  async expire(): Promise<void> {
    this.#generation += 1
    await Promise.all(this.#idle.splice(0).map((slot) => this.retire(slot)))
  }

  forgetSchema(): void {
    for (const slot of this.#slots) slot.forgetSchema()
  }

  /** Takes an idle connection; null when the caller would have to wait for one. */
  take(): Slot | null {
    if (this.#queue.size > 0) return null
    const slot = this.#takeFresh()
    if (slot !== null) slot.phase = 'leased'
    return slot
  }

  /** Waits for a connection, behind all earlier waiters. */
  wait(limit: Limit): Promise<Slot> {
    const slot = this.#queue.wait(limit)
    this.#serve()
    return slot
  }

  /** Hands on a connection that is in order: to the longest waiter, or back to the idle ones. */
  put(slot: Slot): void {
    if (!this.#slots.has(slot)) return
    if (slot.isClosed) return this.remove(slot)
    if (this.isWorn(slot)) return void this.retire(slot)
    slot.lease = null
    slot.isSlow = false
    slot.phase = 'leased'
    if (this.#queue.serve(slot)) return
    slot.phase = 'idle'
    slot.idleSinceMs = performance.now()
    this.#idle.push(slot)
  }

  /**
   * Whether a connection must not be used any more. Before its first use, its age and the number of its statements do
   * not matter.
   */
  isWorn(slot: Slot): boolean {
    if (!this.#isOpen || slot.life.generation !== this.#generation || this.#live > this.#maxSize) return true
    if (slot.phase === 'connecting') return false
    return slot.statements >= this.#settings.maxQueries || performance.now() >= slot.life.retireAtMs
  }

  /**
   * Resets a connection after a lease and hands it on; a connection whose reset fails is destroyed.
   * @returns a promise of the end of the reset; undefined when there was nothing to do. The next holder may get the
   *   connection before that: its requests are sent behind the reset, and none of them is answered if the reset fails.
   */
  cleanse(slot: Slot, limitMs: number): Promise<void> | undefined {
    const { lease } = slot
    if (lease === null || !this.#slots.has(slot)) return undefined
    const { reset } = this.#settings.hooks
    if (reset === null && slot.isClean(lease)) return void this.put(slot)
    if (reset === undefined) {
      const sent = slot.isUntouched(lease) ? undefined : slot.resetAside(lease, limitMs)
      if (sent === null) return this.#cleanseAndWait(slot, lease, limitMs)
      this.put(slot)
      return sent
    }
    return this.#cleanseAndWait(slot, lease, limitMs)
  }

  async #cleanseAndWait(slot: Slot, lease: Lease, limitMs: number): Promise<void> {
    slot.phase = 'resetting'
    try {
      const late = (): Error => new OperationalError(`a connection's reset did not end within ${limitMs} ms`)
      const work = slot.reset(lease, this.#settings.hooks.reset)
      await this.#patiently(slot, withLimit(work, { limitMs, late }))
    } catch (error) {
      this.destroy(slot)
      throw error
    }
    this.put(slot)
  }

  /** Closes a connection politely (Terminate message); its place is free once it is closed. Never fails. */
  async retire(slot: Slot): Promise<void> {
    if (!this.#slots.has(slot) || slot.phase === 'closing') return
    this.#closing += 1
    slot.phase = 'closing'
    await slot.close(RETIRE_LIMIT_MS)
    this.remove(slot)
  }

  /** Destroys a connection; its place is free at once. */
  destroy(slot: Slot): void {
    this.#forget(slot)
    void slot.close(0)
    this.#serve()
  }

  /** Frees the place of a connection that was closed or lost. */
  remove(slot: Slot): void {
    this.#forget(slot)
    this.#serve()
  }

  /** Opens one more connection and gives it to a waiter, or to the idle ones. @throws the error of connecting. */
  async dial(): Promise<void> {
    const { maxLifetimeMs, hooks } = this.#settings
    const life = {
      generation: this.#generation,
      retireAtMs: performance.now() + maxLifetimeMs * (1 - Math.random() * AGE_JITTER),
    }
    const slot: Slot = new Slot(life, () => this.#onClosed(slot))
    this.#slots.add(slot)
    try {
      await slot.open(this.#connect, hooks)
    } catch (error) {
      this.#lastFailure = error
      this.#forget(slot)
      throw error
    }
    this.#lastFailure = null
    if (this.#slots.has(slot)) this.put(slot)
    else void slot.close(0)
  }

  /** Opens one more connection for `minSize`. When that fails, waiters that counted on it get attempts of their own. */
  async refill(): Promise<void> {
    try {
      await this.dial()
    } catch (error) {
      this.#serve()
      throw error
    }
  }

  /** Closes the connections that were lost, are too old, or have been unused for too long. */
  sweep(): void {
    const now = performance.now()
    for (const slot of [...this.#slots]) {
      if (slot.isClosed && slot.phase !== 'closing') this.#onClosed(slot)
      else if (slot.phase === 'idle' && this.isWorn(slot)) void this.#takeOut(slot)
    }
    for (const slot of [...this.#idle]) {
      if (this.#live <= this.#minSize || now - slot.idleSinceMs < this.#settings.maxInactiveMs) break
      void this.#takeOut(slot)
    }
  }

  /** Refuses all waiters and closes the idle connections. Resolves when the last connection is closed. */
  async close(makeError: () => Error): Promise<void> {
    this.#isOpen = false
    this.#queue.refuseAll(makeError)
    for (const slot of this.#idle.splice(0)) void this.retire(slot)
    if (this.#slots.size > 0) await new Promise<void>((resolve) => this.#whenEmpty.push(resolve))
  }

  /** Destroys all connections, also those in use. */
  terminate(makeError: () => Error, because: string): void {
    this.#isOpen = false
    this.#queue.refuseAll(makeError)
    const slots = [...this.#slots]
    this.#idle.length = 0
    for (const slot of slots) {
      this.#forget(slot)
      slot.lease?.end(because)
      void slot.close(0)
    }
  }

  /** The number of connections without those being closed. */
  get #live(): number {
    return this.#slots.size - this.#closing
  }

  #count(phase: SlotPhase): number {
    let count = 0
    for (const slot of this.#slots) if (slot.phase === phase) count += 1
    return count
  }

  /** Takes the idle slot used last; null when there is none, or when it needs a health check first. */
  #takeFresh(): Slot | null {
    for (let slot = this.#idle.at(-1); slot !== undefined; slot = this.#idle.at(-1)) {
      const idleMs = performance.now() - slot.idleSinceMs
      const isUsable = !slot.isClosed && !this.isWorn(slot)
      // The slots before it have been idle for longer, so they need a check too.
      if (isUsable && idleMs >= this.#settings.healthCheckAfterMs) return null
      this.#idle.pop()
      if (isUsable) return slot
      if (slot.isClosed) this.#forget(slot)
      else void this.retire(slot)
    }
    return null
  }

  /** Serves the waiters with idle connections, then checks or opens as many connections as the remaining waiters need. */
  #serve(): void {
    while (this.#queue.size > 0 && this.#isOpen) {
      const slot = this.#takeFresh()
      if (slot === null) break
      this.put(slot)
    }
    if (this.#queue.size === 0 || !this.#isOpen) return
    let coming = this.#coming()
    while (coming < this.#queue.size) {
      const stale = this.#idle.pop()
      if (stale !== undefined) void this.#check(stale)
      else if (this.#slots.size < this.#maxSize) void this.#dialForWaiter()
      else return
      coming += 1
    }
  }

  /**
   * The number of connections that will become free soon although no holder releases them: those being opened, checked
   * or reset.
   */
  #coming(): number {
    let coming = 0
    for (const { phase, isSlow } of this.#slots) {
      if (phase === 'connecting' || ((phase === 'checking' || phase === 'resetting') && !isSlow)) coming += 1
    }
    return coming
  }

  async #dialForWaiter(): Promise<void> {
    try {
      await this.dial()
    } catch (error) {
      // A failed attempt is reported to one waiter; the other waiters get attempts of their own.
      if (!this.#queue.refuse(error)) this.#report(error, 'connect')
      this.#serve()
    }
  }

  async #check(slot: Slot): Promise<void> {
    slot.phase = 'checking'
    try {
      await this.#patiently(slot, slot.check(this.#settings.healthCheckLimitMs))
    } catch (error) {
      this.#report(error, 'health check')
      return this.destroy(slot)
    }
    this.put(slot)
  }

  /** Waits for a check or a reset of a connection. When that takes long, waiters are served by other connections. */
  async #patiently(slot: Slot, work: Promise<void>): Promise<void> {
    const timer = setTimeout(() => {
      slot.isSlow = true
      this.#serve()
    }, SLOW_MS)
    try {
      await work
    } finally {
      clearTimeout(timer)
    }
  }

  /** A connection was closed or lost. Code that opens, checks or closes a slot notices the loss itself. */
  #onClosed(slot: Slot): void {
    if (slot.phase === 'idle' || slot.phase === 'leased') this.remove(slot)
  }

  #takeOut(slot: Slot): Promise<void> {
    this.#idle.splice(this.#idle.indexOf(slot), 1)
    return this.retire(slot)
  }

  #forget(slot: Slot): void {
    if (!this.#slots.delete(slot)) return
    if (slot.phase === 'closing') this.#closing -= 1
    if (slot.phase === 'idle') {
      const at = this.#idle.indexOf(slot)
      if (at >= 0) this.#idle.splice(at, 1)
    }
    this.#onShort()
    if (this.#slots.size > 0) return
    for (const resolve of this.#whenEmpty.splice(0)) resolve()
  }
}
