/**
 * Explores the orders in which caller, worker, server and a third thread can move, with the real code of both
 * threads: see explorer/world.ts. `npm test` tries some thousand orders, `npm run explore` all within the bounds of the
 * scenarios, `npm run explore:more` more than these.
 */
import { describe, expect, test } from 'vitest'

import { explore, sample } from './explorer/explore.ts'
import { FAULTS } from './explorer/faults.ts'
import { SCENARIOS } from './explorer/scenarios.ts'
import type { Scenario } from './explorer/world.ts'

/** How many more switches are tried than the bounds of the scenarios say; null where `npm test` tries some orders. */
const more = process.env['SYNCPG_EXPLORE_MORE'] === undefined ? null : Number(process.env['SYNCPG_EXPLORE_MORE'])
const timeMs = more === null || more === 0 ? 60_000 : 30 * 60_000
const testTimeoutMs = timeMs + 30_000

/** @returns what was tried, in words */
async function search(scenario: Scenario, moreSwitches: number | null): Promise<string> {
  if (moreSwitches === null) {
    const { runs, steps } = await sample(scenario)
    expect(steps / runs).toBeGreaterThan(10)
    return `${runs} runs of ${steps} steps`
  }
  const budget = { ...scenario.budget, switch: (scenario.budget?.switch ?? 0) + moreSwitches }
  const { runs, states, steps, isComplete } = await explore(scenario, { budget, timeMs })
  expect(states).toBeGreaterThan(10)
  if (moreSwitches === 0) expect(isComplete).toBe(true)
  return `${states} states in ${runs} runs of ${steps} steps${isComplete ? '' : ', not all'}`
}

describe('in no order of events is a law of worker/turn/turn.ts broken', () => {
  test.each(SCENARIOS)(
    '$name',
    async (scenario) => {
      const tried = await search(scenario, more)
      // oxlint-disable-next-line no-console -- the number of orders is a result of the test.
      console.log(`${scenario.name}: ${tried}`)
    },
    testTimeoutMs,
  )
})

// It shows of `npm test` too that the orders it tries are enough.
describe('a fault put back on purpose is found', () => {
  test.each(FAULTS)(
    '$name',
    async ({ scenario: name, says, put }) => {
      const scenario = SCENARIOS.find((each) => each.name === name)!
      const takeBack = put()
      try {
        await expect(search(scenario, more === null ? null : 0)).rejects.toThrow(says)
      } finally {
        takeBack()
      }
    },
    testTimeoutMs,
  )
})
