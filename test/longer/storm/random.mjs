/** Random numbers that a seed repeats (xorshift32). The timing of the threads is not repeated: it is the machine's. */
export class Random {
  #state

  constructor(seed) {
    this.#state = seed >>> 0 || 1
  }

  next() {
    let state = this.#state
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    this.#state = state >>> 0
    return this.#state
  }

  /** @returns an integer from 0 to `most - 1` */
  below(most) {
    return this.next() % most
  }

  /** @returns an integer from `least` to `most` */
  between(least, most) {
    return least + this.below(most - least + 1)
  }

  /** @returns true in `share` of 1 of all cases */
  chance(share) {
    return this.next() < share * 2 ** 32
  }

  pick(list) {
    return list[this.below(list.length)]
  }
}

/** Mixes numbers into a seed, so that rounds and threads walk different ways. */
export function seedOf(...parts) {
  let hash = 0x811c9dc5
  for (const part of parts) {
    hash = Math.imul(hash ^ part, 0x01000193)
    hash ^= hash >>> 15
  }
  return hash >>> 0
}
