/**
 * Keeps optimized code across garbage collections. When a full collection finds no object of a hidden class, V8 drops the
 * class and all optimized code that used it, and the next statements cost several times as much. So for each class whose
 * objects live during one call only, the last object is kept until the next one.
 */
export class Kept {
  readonly #last = new Map<unknown, object>()

  /** @param object an object that was used like the others of its class, and refers to nothing large any more */
  keep(object: object): void {
    this.#last.set(object.constructor, object)
  }
}

const kept: object[] = []

/**
 * Keeps a sample for ever, for classes whose new objects already have their final hidden class.
 * @param sample refers to nothing large
 */
export function keepClass(sample: object): void {
  kept.push(sample)
}
