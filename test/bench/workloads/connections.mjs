/**
 * Many connections in one process: blocking ones in one thread, and pools of the async clients. Each number of connections has
 * a process of its own in each round, because a process keeps memory that was freed.
 */
import { runConnections } from '../support/connections-rounds.mjs'

export const workload = {
  name: 'connections',
  title: '1 to 500 connections in one process: to open each, memory of each beyond the first, select 1 in turn',
  transport: 'unix',
  unit: 'connection',
  isRange: true,
  only: ['syncpg', 'syncpg/async', 'pg'],
  points: [1, 10, 100, 500],
  rounds: 5,
  prepare: () => {},
  run: runConnections,
}
