/**
 * The clock of this thread's waits. Tests of users' programs replace `performance.now`, often by one that stands still: what
 * waits for an answer must not wait by that.
 */

/** Milliseconds, as `performance.now` gives them. */
export const now: () => number = performance.now.bind(performance)
