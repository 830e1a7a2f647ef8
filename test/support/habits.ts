/**
 * Tables of habits: code that people of another driver write without a look at the manual, letter by letter but for the language.
 * A row works and gives what they expect, or it is refused by an error of the right class with words that say what to write.
 * Nothing may pass in silence with another meaning.
 */
import { expect } from 'vitest'

/** What comes of a habit. */
export type Outcome =
  | { readonly gives: unknown }
  /** The class of the error, and what its message says. */
  | { readonly refused: string; readonly words: string }

/** A habit in the words of the other driver, the same as JavaScript, and what comes of it. */
export type Habit = readonly [habit: string, code: string, outcome: Outcome]

export const gives = (value: unknown): Outcome => ({ gives: value })
export const refused = (className: string, words: string): Outcome => ({ refused: className, words })
/** Refused by JavaScript itself, which names what is not there. */
export const noSuchName = (words: string): Outcome => ({ refused: 'TypeError', words })

/** The names that the code of a table uses. */
export type Names = Readonly<Record<string, unknown>>

// oxlint-disable-next-line typescript/no-implied-eval -- the tables are code in words, so that one reads it beside the habit.
const AsyncFunction = (async () => {}).constructor as new (
  ...words: string[]
) => (...values: unknown[]) => Promise<unknown>

/** Runs blocking code. */
export function runHabit(code: string, names: Names): unknown {
  // oxlint-disable-next-line typescript/no-implied-eval, no-new-func -- as above.
  return (new Function(...Object.keys(names), code) as (...values: unknown[]) => unknown)(...Object.values(names))
}

export function runAsyncHabit(code: string, names: Names): Promise<unknown> {
  return new AsyncFunction(...Object.keys(names), code)(...Object.values(names))
}

/** @param found what the code gave, or `{ threw }` */
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
