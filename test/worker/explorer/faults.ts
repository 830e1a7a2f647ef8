/**
 * Faults that the channel has had, or could have. A test puts each one in on purpose, and the explorer has to find
 * it. A fault replaces a method of the real classes, or makes the model behave as an earlier design did, until it is
 * removed.
 */
import { Session } from '../../../src-async/wire/session.ts'
import { SessionCalls } from '../../../worker/caller/session-calls.ts'
import { HostedSession } from '../../../worker/hosted/hosted-session.ts'
import type { Steps } from '../../../worker/turn/steps.ts'
import { type Misbehaviour, misbehaviours } from './world.ts'

export interface Fault {
  readonly name: string
  /** The scenario that must fail. */
  readonly scenario: string
  /** The violation that the explorer must report. */
  readonly says: RegExp
  /** Puts the fault in. @returns a function that removes it */
  put(): () => void
}

function replace<T extends object, K extends keyof T>(target: T, key: K, make: (was: T[K]) => T[K]): () => void {
  const was = target[key]
  target[key] = make(was)
  return () => {
    target[key] = was
  }
}

/** Makes a getter of the real classes give another value. */
function mislead<T extends object>(target: T, key: keyof T, value: unknown): () => void {
  const was = Object.getOwnPropertyDescriptor(target, key)!
  Object.defineProperty(target, key, { configurable: true, get: () => value })
  return () => void Object.defineProperty(target, key, was)
}

function misbehave(how: Misbehaviour): () => void {
  misbehaviours.add(how)
  return () => void misbehaviours.delete(how)
}

/** Runs steps up to the step of that name, and ends there. */
function* upTo(name: string, steps: Steps<void>): Steps<void> {
  for (let step = steps.next('ok'); step.done !== true && step.value !== name; step = steps.next('ok')) yield step.value
}

export const FAULTS: readonly Fault[] = [
  {
    name: 'the status is published by a side that did not hear what the other one read',
    scenario: 'a transaction with polls in it',
    says: /has status ., its server ./,
    put: () =>
      replace(
        Session.prototype,
        'takeBack',
        (was) =>
          function (this: Session) {
            was.call(this, this.transactionStatus)
          },
      ),
  },
  {
    name: 'the worker reads a socket that it has lent',
    scenario: 'notifications at any time',
    says: /which it does not own|while nothing was asked/,
    put: () => replace(Session.prototype, 'lend', () => () => {}),
  },
  {
    name: 'the worker lends a socket in the middle of a message',
    scenario: 'a notification that arrives in pieces with the answers',
    says: /is lent within a message/,
    put: () => misbehave('lends between two halves'),
  },
  {
    name: 'an interrupted call on one session holds the others up',
    scenario: 'a call interrupted, then one on the other session and one on the same',
    says: /waits for ever/,
    put: () => misbehave('is held by a caller'),
  },
  {
    name: 'a session that is given up stays open',
    scenario: 'a session given up',
    says: /is said to be closed, and its socket is open/,
    put: () =>
      replace(
        HostedSession.prototype,
        'handle',
        (was) =>
          function* (this: HostedSession): Steps<void> {
            yield* upTo('take the socket back for good', was.call(this))
          },
      ),
  },
  {
    name: 'the worker is not told of room in the ring',
    scenario: 'a reply that does not fit the ring',
    says: /waits for ever/,
    put: () => misbehave('is not told of room'),
  },
  {
    name: 'the status is read though a call was interrupted',
    scenario: 'a call that begins a transaction interrupted, then a look at the status',
    says: /has status I, its server T/,
    put: () => mislead(SessionCalls.prototype, 'hasInterruptedCall', false),
  },
  {
    name: 'the caller is not told that a call has failed by the loss',
    scenario: 'a server that goes away at any time',
    says: /was told twice/,
    put: () => mislead(Session.prototype, 'isLossReported', false),
  },
  {
    name: 'the worker takes a socket back and does not look for the request that came with it',
    scenario: 'two calls on each of two sessions',
    says: /waits for ever|while nothing was asked/,
    put: () =>
      replace(
        HostedSession.prototype,
        'reclaimUnused',
        (was) =>
          function* (this: HostedSession): Steps<void> {
            yield* upTo('look at the request', was.call(this))
          },
      ),
  },
]
