/**
 * Keeps hot classes hot. A full collection that finds no object of a class drops the class's hidden shapes, and with them
 * all optimised code made for them: a batch after a pause would run unoptimised again, at several times the cost. One
 * object of each class that lives only during a call stays for good.
 */
const kept: object[] = []

/** @param sample made as the hot ones are; holds nothing of weight. */
export function keepClass(sample: object): void {
  kept.push(sample)
}
