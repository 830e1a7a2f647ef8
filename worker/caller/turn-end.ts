/**
 * Calls functions at the end of the current turn of the event loop: after an interrupted call, which runs no `finally`, they
 * reset what it has left. All share one microtask. A program that blocks may never end its turn, so a function whose
 * object is closed has to be removed. A microtask for each object would keep every connection of such a program in memory,
 * also the closed ones.
 */
const ends = new Set<() => void>()
let isQueued = false

/** Calls the function once, at the end of this turn, unless it is removed before. */
export function atTurnEnd(end: () => void): void {
  // The flag is set after the microtask is queued: a call interrupted between the two queues it a second time, which is
  // harmless.
  if (!isQueued) queueMicrotask(callAll)
  isQueued = true
  ends.add(end)
}

export function removeTurnEnd(end: () => void): void {
  ends.delete(end)
}

function callAll(): void {
  isQueued = false
  const due = [...ends]
  ends.clear()
  for (const end of due) end()
}
