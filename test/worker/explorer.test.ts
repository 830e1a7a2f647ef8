/**
 * Explores the orders in which caller, worker, server and a third thread can move, with the real code of both
 * threads: see explorer/world.ts. `npm run explore` tries more orders than `npm test`.
 */
import { describe, expect, test } from 'vitest'

import { explore } from './explorer/explore.ts'
import { FAULTS } from './explorer/faults.ts'
import { SCENARIOS } from './explorer/scenarios.ts'

/** How many more optional events are tried than in `npm test`. */
const more = Number(process.env['SYNCPG_EXPLORE_MORE'] ?? 0)
const timeMs = more === 0 ? 60_000 : 30 * 60_000
const testTimeoutMs = timeMs + 30_000

describe('in no order of events is a law of worker/turn/turn.ts broken', () => {
  test.each(SCENARIOS)(
    '$name',
    async (scenario) => {
      const budget = { ...scenario.budget, switch: (scenario.budget?.switch ?? 0) + more }
      const { runs, states, steps, isComplete } = await explore(scenario, { budget, timeMs })
      // oxlint-disable-next-line no-console -- the number of orders is a result of the test.
      console.log(
        `${scenario.name}: ${states} states in ${runs} runs of ${steps} steps${isComplete ? '' : ', not all'}`,
      )
      expect(states).toBeGreaterThan(10)
      if (more === 0) expect(isComplete).toBe(true)
    },
    testTimeoutMs,
  )
})

describe('a fault put back on purpose is found', () => {
  test.each(FAULTS)(
    '$name',
    async ({ scenario: name, says, put }) => {
      const scenario = SCENARIOS.find((each) => each.name === name)!
      const takeBack = put()
      try {
        await expect(explore(scenario, { budget: {}, timeMs })).rejects.toThrow(says)
      } finally {
        takeBack()
      }
    },
    testTimeoutMs,
  )
})
