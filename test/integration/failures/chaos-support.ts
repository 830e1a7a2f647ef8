/**
 * The parts that the chaos tests of both faces share: random numbers that can be repeated, and the faults of a network,
 * as plain data and as calls of a proxy. `CHAOS_RUNS` sets the number of runs (`npm run test:chaos`: thousands).
 * `CHAOS_SEED` repeats an earlier walk. Every failure names both.
 */
import type { FaultProxy, Faults } from '../../support/proxy.ts'

/** The faults. A fault without `afterMs` begins at once; the others begin that many milliseconds later. */
export type Fault =
  | { readonly kind: 'delayed' | 'in pieces'; readonly faults: Faults }
  /** The number of bytes in the direction after which it happens, counted from the moment when the fault is set. */
  | { readonly kind: 'truncated'; readonly direction: 'toServer' | 'toClient'; readonly afterBytes: number }
  | { readonly kind: 'reset' | 'half-closed'; readonly afterMs: number }
  /** Silence: only a time limit ends a statement. */
  | { readonly kind: 'black hole'; readonly direction: 'both' | 'toServer' | 'toClient'; readonly afterMs: number }

/** Random numbers, the same for the same seed. */
export class Chance {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0 || 1
    // The first numbers of similar seeds are similar, so they are skipped.
    for (let i = 0; i < 8; i += 1) this.below(1)
  }

  /** An integer from 0, less than `limit`. */
  below(limit: number): number {
    let state = this.#state
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    this.#state = state >>> 0
    return this.#state % limit
  }

  /** Mostly a small number, because most faults show near the beginning or the end. */
  mostlySmall(limit: number): number {
    return this.below(1 + this.below(limit))
  }

  of<T>(choices: readonly T[]): T {
    const choice = choices[this.below(choices.length)]
    if (choice === undefined) throw new Error('nothing to choose from')
    return choice
  }
}

/** How many runs, and the seed of the first. */
export function walk(usualRuns: number): { readonly runs: number; readonly seed: number } {
  const { CHAOS_RUNS: runs, CHAOS_SEED: seed } = process.env
  return { runs: Number(runs ?? usualRuns), seed: Number(seed ?? Math.floor(Math.random() * 1e9)) }
}

/** Encrypted or not, at random: a break in the middle of a TLS record is another case. */
export function someSslmode(chance: Chance): 'disable' | 'require' {
  return chance.of(['disable', 'require'])
}

/** A random fault. Black holes cost several seconds each, so they are made only on request. */
export function someFault(chance: Chance, isBlackHole: boolean): Fault {
  if (isBlackHole) {
    return {
      kind: 'black hole',
      direction: chance.of(['both', 'toServer', 'toClient']),
      afterMs: chance.mostlySmall(20),
    }
  }
  switch (chance.below(6)) {
    case 0:
      return { kind: 'delayed', faults: { latencyMs: chance.below(10) } }
    case 1:
      return { kind: 'in pieces', faults: { chunkBytes: 1 + chance.mostlySmall(7) } }
    case 2:
      return { kind: 'reset', afterMs: chance.mostlySmall(12) }
    case 3:
      return { kind: 'half-closed', afterMs: chance.mostlySmall(12) }
    default: {
      const direction = chance.of(['toServer', 'toClient'] as const)
      return { kind: 'truncated', direction, afterBytes: chance.mostlySmall(3000) }
    }
  }
}

/** Whether the fault only slows things down. */
export function isHarmless(fault: Fault): boolean {
  return fault.kind === 'delayed' || fault.kind === 'in pieces'
}

/** Applies a fault to the proxy's only connection. @returns a function that cancels it, if it has not happened yet. */
export function strike(proxy: FaultProxy, fault: Fault): () => void {
  switch (fault.kind) {
    case 'delayed':
    case 'in pieces':
      proxy.setFaults('both', fault.faults)
      return () => {}
    case 'truncated':
      proxy.setFaults(fault.direction, {
        cutAfterBytes: proxy.forwardedBytes[fault.direction] + fault.afterBytes,
      })
      return () => {}
    case 'reset':
      return later(fault.afterMs, () => proxy.reset())
    case 'half-closed':
      return later(fault.afterMs, () => proxy.halfClose())
    case 'black hole':
      return later(fault.afterMs, () => proxy.setFaults(fault.direction, { isBlackHole: true }))
  }
}

function later(afterMs: number, act: () => void): () => void {
  const timer = setTimeout(act, afterMs)
  return () => clearTimeout(timer)
}

/** @throws Error with the claim that does not hold. */
export function demand(holds: boolean, claim: string): void {
  if (!holds) throw new Error(`it does not hold that ${claim}`)
}

/** Settles with the promise, or rejects after the limit with an error that names what did not end. */
export async function bounded<T>(promise: Promise<T>, limitMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: no end after ${limitMs} ms`)), limitMs)
  })
  try {
    return await Promise.race([promise, limit])
  } finally {
    clearTimeout(timer)
  }
}
