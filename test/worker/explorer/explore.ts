/**
 * Tries the orders of the moves in a scenario: all of them, depth first, or some at random. Each run starts from the
 * beginning. An actor may go on without limit; a change to another actor uses up one of the scenario's switches. A state
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

/** Chooses one of several moves. @returns its index, or null to end the run here */
type Choose = (options: readonly MoveOption[], world: World, actor: string) => number | null

/** So many that each fault of faults.ts was found with at least 17 of 20 seeds. */
const RUNS_FOR_AN_EVENT = 300

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

/** Tries all orders. @throws Violation with the steps that lead to it */
export function explore(scenario: Scenario, bounds: Bounds): Promise<Walk> {
  return inModel((enter) => walk(scenario, bounds, enter))
}

/**
 * Tries some orders, the same ones each time. In each run the optional events and switches are at random steps. The more of
 * them a scenario has, the more runs are made.
 * @throws Violation with the steps that lead to it
 */
export function sample(scenario: Scenario): Promise<{ readonly runs: number; readonly steps: number }> {
  return inModel(async (enter) => {
    const random = randomNumbers(scenario.name)
    const budget = { ...NO_CHANCES, ...scenario.budget }
    const events = Object.values(budget).reduce((sum, each) => sum + each, 0)
    const runs = RUNS_FOR_AN_EVENT * events
    let steps = 0
    for (let at = 0; at < runs; at++) {
      // The run before tells about how many steps there are.
      const length = at === 0 ? 1 : Math.ceil(steps / at)
      const moments = Array.from({ length: events }, () => random() * length).sort((a, b) => a - b)
      steps += await runAnew(scenario, budget, enter, chooseAtRandom(moments, random))
      if (at % 200 === 199) await turn()
    }
    return { runs, steps }
  })
}

function inModel<T>(work: (enter: (world: World) => void) => Promise<T>): Promise<T> {
  let world: World
  return withModelOfSleep(
    () => world,
    () =>
      work((next) => {
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
    steps += await runAnew(scenario, budget, enter, chooseByPath(choices, seen))
    runs += 1
    // The guard of the test process sees by the event loop that it is alive.
    if (runs % 200 === 0) await turn()
    if (Date.now() > untilMs) return { runs, states: seen.size, steps, isComplete: false }
  } while (next(choices))
  return { runs, states: seen.size, steps, isComplete: true }
}

/** Goes along the choices, and from their end on takes the first option each time, up to a state that was seen before. */
function chooseByPath(choices: { at: number; count: number }[], seen: Set<string>): Choose {
  let depth = 0
  return (options, world, actor) => {
    const known = choices[depth]
    depth += 1
    if (known !== undefined) return known.at
    const signature = `${actor}|${world.signature()}`
    if (seen.has(signature)) return null
    seen.add(signature)
    choices.push({ at: 0, count: options.length })
    return 0
  }
}

/** From each of the given steps on, the next optional event or switch that can be is taken. Otherwise any other move. */
function chooseAtRandom(moments: number[], random: () => number): Choose {
  const pick = (count: number): number => Math.floor(random() * count)
  return (options, world, actor) => {
    const isFree = (move: MoveOption): boolean => move.chance === null && !isSwitch(options, move, actor)
    const free = options.filter(isFree)
    const events = options.filter((move) => !isFree(move))
    const isDue = events.length > 0 && (free.length === 0 || moments[0]! <= world.trace.length)
    if (isDue) moments.shift()
    const eligible = isDue ? events : free
    return options.indexOf(eligible[pick(eligible.length)]!)
  }
}

/** Random numbers from 0 up to 1 that are the same for the same seed (mulberry32). */
function randomNumbers(seed: string): () => number {
  let state = [...seed].reduce((sum, letter) => (Math.imul(sum, 31) + letter.charCodeAt(0)) | 0, 0)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
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

/** @returns the number of steps */
async function runAnew(
  scenario: Scenario,
  budget: Record<Chance, number>,
  enter: (world: World) => void,
  choose: Choose,
): Promise<number> {
  const world = new World(scenario, budget)
  enter(world)
  await world.begin()
  return run(world, choose)
}

async function run(world: World, choose: Choose): Promise<number> {
  let actor = ''
  try {
    for (let step = 0; step < MOST_STEPS; step++) {
      const options = affordable(world, actor)
      if (options.length === 0) {
        if (!world.isDone) throw new Violation('a call waits for ever: nobody can move any more')
        await world.rest()
        world.check()
        return step
      }
      const chosen = options.length > 1 ? choose(options, world, actor) : 0
      if (chosen === null) return step
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
