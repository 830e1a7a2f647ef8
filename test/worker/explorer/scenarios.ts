/**
 * The scenarios: small programs, each with the optional events that may happen during it. The bounds are those of
 * `npm test`, and `npm run explore` multiplies them.
 */
import type { Scenario } from './world.ts'

const row = (session: number, number: number): { session: number; sql: string } => ({ session, sql: `row ${number}` })

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'two calls on each of two sessions',
    sessions: 2,
    calls: [row(0, 1), row(1, 2), row(0, 3), row(1, 4)],
    budget: { switch: 2, tick: 1 },
  },
  {
    name: 'a worker that lingers',
    sessions: 2,
    calls: [{ session: 0, poll: true }, { session: 1, poll: true }, row(0, 1), { session: 1, poll: true }],
    lingers: true,
    budget: { switch: 1, tick: 1 },
  },
  {
    name: 'a worker that lingers, and a call interrupted',
    sessions: 2,
    calls: [{ session: 0, poll: true }, row(0, 1), { session: 1, poll: true }],
    lingers: true,
    budget: { switch: 1, tear: 1 },
  },
  {
    name: 'answers in two pieces',
    sessions: 2,
    calls: [row(0, 1), row(1, 2), row(0, 3)],
    pieces: 2,
    budget: { switch: 2, tick: 1 },
  },
  {
    name: 'notifications at any time',
    sessions: 2,
    calls: [row(0, 1), row(1, 2), row(0, 3)],
    budget: { switch: 1, notify: 1, tick: 1 },
  },
  {
    name: 'a notification that arrives in pieces with the answers',
    sessions: 1,
    calls: [row(0, 1), { session: 0, sql: 'say 2' }, row(0, 3)],
    pieces: 2,
    budget: { switch: 1, notify: 1 },
  },
  {
    name: 'a transaction with polls in it',
    sessions: 1,
    calls: [{ session: 0, sql: 'begin 1' }, { session: 0, poll: true }, row(0, 2), { session: 0, sql: 'commit 3' }],
    budget: { switch: 1, tick: 1 },
  },
  {
    name: 'a transaction with a failure in it',
    sessions: 1,
    calls: [
      { session: 0, sql: 'begin 1' },
      { session: 0, sql: 'fail 2' },
      { session: 0, poll: true },
      { session: 0, sql: 'commit 3' },
    ],
    budget: { switch: 1, tick: 1 },
  },
  {
    name: 'a call interrupted, then one on the other session and one on the same',
    sessions: 2,
    calls: [row(0, 1), row(0, 2), row(1, 3), row(0, 4)],
    budget: { switch: 1, tear: 1 },
  },
  {
    name: 'a call interrupted, its answer in pieces',
    sessions: 1,
    calls: [row(0, 1), row(0, 2), row(0, 3)],
    pieces: 2,
    budget: { switch: 1, tear: 1 },
  },
  {
    name: 'two calls interrupted one after the other',
    sessions: 1,
    calls: [row(0, 1), row(0, 2), row(0, 3)],
    budget: { switch: 1, tear: 2 },
  },
  {
    name: 'a call interrupted in a transaction',
    sessions: 1,
    calls: [{ session: 0, sql: 'begin 1' }, row(0, 2), { session: 0, poll: true }, { session: 0, sql: 'commit 3' }],
    budget: { switch: 1, tear: 1 },
  },
  {
    name: 'a call that begins a transaction interrupted, then a look at the status',
    sessions: 1,
    calls: [row(0, 1), { session: 0, sql: 'begin 2' }, { session: 0, status: true }, { session: 0, sql: 'commit 3' }],
    budget: { switch: 1, tear: 1 },
  },
  {
    name: 'a call interrupted, and no call after it',
    sessions: 2,
    calls: [row(1, 1), row(0, 2)],
    budget: { switch: 1, tear: 1, tick: 1 },
  },
  {
    name: 'a long request written in part, and interrupted',
    sessions: 1,
    calls: [row(0, 1), { session: 0, sql: `row 2 ${'x'.repeat(5000)}` }, row(0, 3)],
    budget: { switch: 1, tear: 1, partial: 1 },
  },
  {
    name: 'a server that goes away at any time',
    sessions: 2,
    calls: [row(0, 1), row(1, 2), row(0, 3), row(1, 4)],
    budget: { switch: 1, terminate: 1 },
  },
  {
    name: 'a server that goes away, and a call interrupted',
    sessions: 1,
    calls: [row(0, 1), row(0, 2), row(0, 3)],
    budget: { switch: 0, terminate: 1, tear: 1 },
  },
  {
    name: 'a slow statement cancelled by a third thread',
    sessions: 2,
    calls: [row(0, 1), { session: 0, sql: 'slow 2' }, row(1, 3), row(0, 4)],
    budget: { switch: 1, cancel: 1 },
  },
  {
    name: 'a slow statement interrupted',
    sessions: 2,
    calls: [row(0, 1), { session: 0, sql: 'slow 2' }, row(1, 3), row(0, 4)],
    budget: { switch: 1, tear: 1 },
  },
  {
    name: 'a session given up',
    sessions: 2,
    calls: [row(0, 1), row(1, 2), { session: 0, leave: true }, row(1, 3)],
    budget: { switch: 1, tear: 1 },
  },
  {
    name: 'a reply that does not fit the ring',
    sessions: 1,
    calls: [row(0, 1), { session: 0, sql: 'long 2' }, row(0, 3)],
    ringBytes: 4096,
    pieces: 2,
    budget: { switch: 1, tick: 1 },
  },
]
