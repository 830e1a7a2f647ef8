/**
 * Keeps the slots: which are free, who waits for one, when one is opened or given up. Everything that decides happens in
 * one synchronous step, so no connection is ever with two, and none with nobody. Knows no holder and no SQL.
 *
 * A free connection goes to the one who waits longest; without waiters the one used last is used next, so that what a
 * quiet time does not need grows old and is closed. Connecting is not tied to a waiter: when the one for whom it was
 * begun has gone, the connection serves another, or lies ready.
 */
import { OperationalError } from '../errors/tree.ts'
import type { Occupancy } from './holders.ts'
import type { Lease } from './lease.ts'
import type { ConnectArguments, PoolActivity, PoolSettings } from './pool-options.ts'
import { Slot, type SlotPhase } from './slot.ts'
import { type Limit, withLimit } from '../with-limit.ts'
import { WaitQueue } from './wait-queue.ts'

/** A server that says goodbye does so at once; a connection that takes longer is cut. */
const RETIRE_LIMIT_MS = 1000
/** After this long in a check or a reset a connection is not counted on. */
const SLOW_MS = 250
/** How much of its age a connection may be spared, so that those opened together do not end together. */
const AGE_JITTER = 0.1

export class Keeper {
  readonly #settings: PoolSettings
  readonly #report: (error: unknown, during: PoolActivity) => void
  /** Called when there may be fewer connections than there should be. */
  readonly #onShort: () => void
  #connect: ConnectArguments
  #minSize: number
  #maxSize: number
  readonly #slots = new Set<Slot>()
  /** The one used last at the end. */
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

  /** Gives a connection up that nobody may have any more; resolves when those that were free are closed. */
  async expire(): Promise<void> {
    this.#generation += 1
    await Promise.all(this.#idle.splice(0).map((slot) => this.retire(slot)))
  }

  forgetSchema(): void {
    for (const slot of this.#slots) slot.forgetSchema()
  }

  /** A connection that can be had now; null when one would have to be waited for. */
  take(): Slot | null {
    if (this.#queue.size > 0) return null
    const slot = this.#takeFresh()
    if (slot !== null) slot.phase = 'leased'
    return slot
  }

  /** Waits for a connection, after all who wait already. */
  wait(limit: Limit): Promise<Slot> {
    const slot = this.#queue.wait(limit)
    this.#serve()
    return slot
  }

  /** Hands on a connection that is in order: to the one who waits longest, or to those who lie ready. */
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

  /** Whether a connection is not to be used any more. Age is not asked of one that was never used. */
  isWorn(slot: Slot): boolean {
    if (!this.#isOpen || slot.life.generation !== this.#generation || this.#live > this.#maxSize) return true
    if (slot.phase === 'connecting') return false
    return slot.statements >= this.#settings.maxQueries || performance.now() >= slot.life.retireAtMs
  }

  /**
   * Takes a lease's traces off a connection that then serves the next; one that cannot be cleaned is dropped.
   * @returns a promise of the end of it, undefined when there was nothing to do. The connection may serve the next before
   *   that: what the next asks is sent behind the reset, and nothing of it is answered if the reset fails.
   */
  cleanse(slot: Slot, limitMs: number): Promise<void> | undefined {
    const { lease } = slot
    if (lease === null || !this.#slots.has(slot)) return undefined
    if (this.#settings.hooks.reset === undefined) {
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

  /** Closes a connection with good manners; its place is free when it is closed. Never fails. */
  async retire(slot: Slot): Promise<void> {
    if (!this.#slots.has(slot) || slot.phase === 'closing') return
    this.#closing += 1
    slot.phase = 'closing'
    await slot.close(RETIRE_LIMIT_MS)
    this.remove(slot)
  }

  /** Cuts a connection; its place is free at once. */
  destroy(slot: Slot): void {
    this.#forget(slot)
    void slot.close(0)
    this.#serve()
  }

  /** Frees the place of a connection that is gone. */
  remove(slot: Slot): void {
    this.#forget(slot)
    this.#serve()
  }

  /** Opens one connection more and puts it where it is wanted. @throws what kept it from being opened. */
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

  /** The same for nobody in particular; those who counted on it and were disappointed get attempts of their own. */
  async refill(): Promise<void> {
    try {
      await this.dial()
    } catch (error) {
      this.#serve()
      throw error
    }
  }

  /** Looks the connections over: those lost, too old, or unused for too long are given up. */
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

  /** Takes no more work: who waits is refused, what is free is closed. Resolves when the last connection is closed. */
  async close(makeError: () => Error): Promise<void> {
    this.#isOpen = false
    this.#queue.refuseAll(makeError)
    for (const slot of this.#idle.splice(0)) void this.retire(slot)
    if (this.#slots.size > 0) await new Promise<void>((resolve) => this.#whenEmpty.push(resolve))
  }

  /** Cuts all connections, those in use too. */
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

  /** All but those being closed. */
  get #live(): number {
    return this.#slots.size - this.#closing
  }

  #count(phase: SlotPhase): number {
    let count = 0
    for (const slot of this.#slots) if (slot.phase === phase) count += 1
    return count
  }

  /** Takes the one used last out of those that lie ready; null when there is none that can be used unasked. */
  #takeFresh(): Slot | null {
    for (let slot = this.#idle.at(-1); slot !== undefined; slot = this.#idle.at(-1)) {
      const idleMs = performance.now() - slot.idleSinceMs
      const isUsable = !slot.isClosed && !this.isWorn(slot)
      // Those below it have been idle for longer still.
      if (isUsable && idleMs >= this.#settings.healthCheckAfterMs) return null
      this.#idle.pop()
      if (isUsable) return slot
      if (slot.isClosed) this.#forget(slot)
      else void this.retire(slot)
    }
    return null
  }

  /** Gives all who wait what there is, and sees to it that there will be enough for the rest, as far as may be. */
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

  /** Connections that will be free without anybody's doing. */
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
      // One failure is one waiter's: the others get attempts of their own.
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

  /** Waits for work on a connection; when it takes long, those who wait are not kept waiting for this one. */
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

  /** A connection was closed or lost; those being opened, checked or closed find out by themselves. */
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
