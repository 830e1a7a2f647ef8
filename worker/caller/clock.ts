/**
 * The clock for this thread's waits, taken when this file loads. Users' tests replace `performance.now`, often by a clock
 * that stands still, and a wait by that clock would never end.
 */

/** Milliseconds, as `performance.now` gives them. */
export const now: () => number = performance.now.bind(performance)
