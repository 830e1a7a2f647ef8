/**
 * Keeps hot classes hot. A full collection that finds no object of a hidden class makes V8 forget it, and with it all
 * optimised code that knew it: the statements that follow run as if the program had just begun, at several times the
 * cost. So of each class whose objects live for one call only, the last object stays until the next one.
 */
export class Kept {
  readonly #last = new Map<unknown, object>()

  /** @param object used as its like are, and holding nothing of weight any more. */
  keep(object: object): void {
    this.#last.set(object.constructor, object)
  }
}

const kept: object[] = []

/** For classes that need no use to be as the hot ones are. @param sample holds nothing of weight; stays for good. */
export function keepClass(sample: object): void {
  kept.push(sample)
}
