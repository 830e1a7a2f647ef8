/**
 * What the chaos tests of both faces share: chance that can be repeated, and the faults a network can have, as plain data
 * and as what is done to a proxy. `CHAOS_RUNS` asks for another number of runs (`npm run test:chaos`: thousands), `CHAOS_SEED`
 * for those of an earlier walk; every failure names both.
 */
import type { FaultProxy, Faults } from '../../support/proxy.ts'

/** What goes wrong. Those without a moment hold from the start; the others come so many milliseconds later. */
export type Fault =
  | { readonly kind: 'delayed' | 'in pieces'; readonly faults: Faults }
  /** After so many bytes of the direction, reckoned from the moment the fault is made. */
  | { readonly kind: 'truncated'; readonly direction: 'toServer' | 'toClient'; readonly afterBytes: number }
  | { readonly kind: 'reset' | 'half-closed'; readonly afterMs: number }
  /** Silence; only a time limit ends a statement then. */
  | { readonly kind: 'black hole'; readonly direction: 'both' | 'toServer' | 'toClient'; readonly afterMs: number }

/** Numbers by chance, the same ones for the same seed. */
export class Chance {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0 || 1
    // Seeds that lie close together begin alike.
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

  /** Mostly small, as where things begin and end is where they break. */
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

/** In the clear or encrypted, by chance: what is broken in the middle of a record is another thing to find out. */
export function someSslmode(chance: Chance): 'disable' | 'require' {
  return chance.of(['disable', 'require'])
}

/** A fault by chance. Black holes, which cost seconds each, are dug where they are asked for. */
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

/** Does to the proxy's only connection what the fault says. @returns what cancels it, if it has not come yet. */
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

/** @throws Error naming what does not hold. */
export function demand(holds: boolean, claim: string): void {
  if (!holds) throw new Error(`it does not hold that ${claim}`)
}

/** Ends with the promise, or after the limit with an error that names what did not end. */
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
