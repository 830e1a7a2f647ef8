/**
 * Tries all orders of the moves in a scenario, depth first. Each run starts from the beginning and makes one other
 * choice. An actor may go on without limit; a change to another actor uses up one of the scenario's switches. A state
 * that was seen before with the same budget is not explored again.
 */
import { setImmediate as turn } from 'node:timers/promises'

import { type Chance, type MoveOption, type Scenario, Violation, World, settled, withModelOfSleep } from './world.ts'

export interface Walk {
  readonly runs: number
  readonly states: number
  readonly steps: number
  /** Whether all orders within the bounds were tried. False if the time was over before. */
  readonly isComplete: boolean
}

export interface Bounds {
  readonly budget: Partial<Record<Chance, number>>
  readonly timeMs: number
}

/** More steps than in any run that ends. */
const MOST_STEPS = 600

const NO_CHANCES: Record<Chance, number> = {
  switch: 0,
  tear: 0,
  notify: 0,
  terminate: 0,
  cancel: 0,
  tick: 0,
  partial: 0,
}

/** @throws Violation with the steps that lead to it */
export function explore(scenario: Scenario, bounds: Bounds): Promise<Walk> {
  let world: World
  return withModelOfSleep(
    () => world,
    () =>
      walk(scenario, bounds, (next) => {
        world = next
      }),
  )
}

async function walk(scenario: Scenario, bounds: Bounds, enter: (world: World) => void): Promise<Walk> {
  const budget = { ...NO_CHANCES, ...scenario.budget, ...bounds.budget }
  const seen = new Set<string>()
  const untilMs = Date.now() + bounds.timeMs
  const choices: { at: number; count: number }[] = []
  let runs = 0
  let steps = 0
  do {
    const world = new World(scenario, budget)
    enter(world)
    await world.begin()
    steps += await run(world, choices, seen)
    runs += 1
    // The guard of the test process sees by the event loop that it is alive.
    if (runs % 200 === 0) await turn()
    if (Date.now() > untilMs) return { runs, states: seen.size, steps, isComplete: false }
  } while (next(choices))
  return { runs, states: seen.size, steps, isComplete: true }
}

/** Sets the choices for the next run: the last choice that has another option takes it. */
function next(choices: { at: number; count: number }[]): boolean {
  for (let last = choices.at(-1); last !== undefined; last = choices.at(-1)) {
    last.at += 1
    if (last.at < last.count) return true
    choices.pop()
  }
  return false
}

async function run(world: World, choices: { at: number; count: number }[], seen: Set<string>): Promise<number> {
  let actor = ''
  let depth = 0
  try {
    for (let step = 0; step < MOST_STEPS; step++) {
      const options = affordable(world, actor)
      if (options.length === 0) {
        if (!world.isDone) throw new Violation('a call waits for ever: nobody can move any more')
        await world.rest()
        world.check()
        return step
      }
      let chosen = 0
      if (options.length > 1) {
        const known = choices[depth]
        if (known === undefined) {
          const signature = `${actor}|${world.signature()}`
          if (seen.has(signature)) return step
          seen.add(signature)
          choices.push({ at: 0, count: options.length })
        } else {
          chosen = known.at
        }
        depth += 1
      }
      const move = options[chosen]!
      if (move.chance !== null) world.budget[move.chance] -= 1
      else if (isSwitch(options, move, actor)) world.budget.switch -= 1
      if (move.chance === null) actor = move.actor
      world.trace.push(move.name)
      move.run()
      if (world.takeAsync()) await settled()
    }
    throw new Violation('a call does not end')
  } catch (error) {
    const { message } = error as Error
    const trace = world.trace.map((name) => `  ${name}`).join('\n')
    throw new Violation(`${world.scenario.name}: ${message}\n${trace}`, { cause: error })
  }
}

/** The actor that moved last comes first. */
function affordable(world: World, actor: string): MoveOption[] {
  const all = world.moves()
  const own = all.filter((move) => move.actor === actor && move.chance === null)
  const others = all.filter((move) => move.actor !== actor && move.chance === null)
  const chances = all.filter((move) => move.chance !== null)
  if (own.length === 0) return [...others, ...chances]
  return [...own, ...(world.budget.switch > 0 ? others : []), ...chances]
}

/** Whether the move stops an actor that could have gone on. */
function isSwitch(options: readonly MoveOption[], move: MoveOption, actor: string): boolean {
  return move.actor !== actor && options.some((each) => each.actor === actor && each.chance === null)
}
