/**
 * Tables of habits: code that users of another driver write without reading the manual, translated only into
 * JavaScript. Each row either works as they expect, or throws an error of the right class that says what to write. No
 * row may run without an error and mean something else.
 */
import { expect } from 'vitest'

/** The expected outcome of a habit. */
export type Outcome =
  | { readonly gives: unknown }
  /** The class of the error, and what its message says. */
  | { readonly refused: string; readonly words: string }

/** A habit: the other driver's code, its translation into JavaScript, and the outcome. */
export type Habit = readonly [habit: string, code: string, outcome: Outcome]

export const gives = (value: unknown): Outcome => ({ gives: value })
export const refused = (className: string, words: string): Outcome => ({ refused: className, words })
/** JavaScript itself throws a TypeError that names the missing function. */
export const noSuchName = (words: string): Outcome => ({ refused: 'TypeError', words })

/** The names that the code of a table uses. */
export type Names = Readonly<Record<string, unknown>>

// oxlint-disable-next-line typescript/no-implied-eval -- the tables contain code as text, so that it stands beside
// the habit.
const AsyncFunction = (async () => {}).constructor as new (
  ...words: string[]
) => (...values: unknown[]) => Promise<unknown>

/** Runs blocking code. */
export function runHabit(code: string, names: Names): unknown {
  // oxlint-disable-next-line typescript/no-implied-eval, no-new-func -- the tables contain code as text.
  return (new Function(...Object.keys(names), code) as (...values: unknown[]) => unknown)(...Object.values(names))
}

export function runAsyncHabit(code: string, names: Names): Promise<unknown> {
  return new AsyncFunction(...Object.keys(names), code)(...Object.values(names))
}

/** @param found the result of the code, or `{ threw }` */
export function expectOutcome(found: { readonly gave: unknown } | { readonly threw: unknown }, outcome: Outcome): void {
  if ('gives' in outcome) {
    if ('threw' in found) throw found.threw
    expect(found.gave).toEqual(outcome.gives)
    return
  }
  if (!('threw' in found)) throw new Error(`expected ${outcome.refused}, and it gave ${JSON.stringify(found.gave)}`)
  const error = found.threw as Error
  expect(`${error.name}: ${error.message}`).toContain(outcome.words)
  expect(classesOf(error)).toContain(outcome.refused)
}

function classesOf(error: Error): string[] {
  const names: string[] = []
  for (let at: unknown = error.constructor; typeof at === 'function'; at = Object.getPrototypeOf(at)) {
    names.push(at.name)
  }
  return names
}
