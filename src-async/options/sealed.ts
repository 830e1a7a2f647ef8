/**
 * Refuses properties that a class of ours does not have: `con.isolation_level = …` would be kept on the object and do nothing. Where
 * the prototypes of the class end stands a guard, so that known properties cost what they cost without it.
 */
import { ProgrammingError } from '../errors/tree.ts'
import { nearest } from './nearest.ts'

/** Habits from other drivers, without case and underscores, that no name of ours is near to. */
const HABITS: ReadonlyMap<string, string> = new Map([
  ['rowfactory', 'rows are made by the option rowFactory, of connect, of a cursor or of a call'],
  ['itersize', 'it is an option of a named cursor: cursor(name, { itersize })'],
  ['preparethreshold', 'statements are prepared by themselves: statementCacheSize is the option of connect'],
  ['querytimeout', 'it is commandTimeout, or timeout in the options of a call'],
])

/** Guards a class, whose constructor sets its own properties by declaring them. Subclasses of the user's may have more. */
// oxlint-disable-next-line typescript/no-unsafe-function-type -- any class, whatever its parameters.
export function sealInstances(base: Function, ...concrete: readonly Function[]): void {
  const ours = new Set([base, ...concrete].map((each): unknown => each.prototype))
  const guard = new Proxy(Object.prototype, {
    set(target, key, value, receiver: object) {
      const isOurs = typeof key === 'string' && ours.has(Object.getPrototypeOf(receiver))
      if (isOurs && !(key in target)) throw refusal(receiver, key)
      return Reflect.defineProperty(receiver, key, { value, writable: true, enumerable: true, configurable: true })
    },
  })
  Object.setPrototypeOf(base.prototype, guard)
}

function refusal(receiver: object, key: string): ProgrammingError {
  const { name } = receiver.constructor
  const habit = HABITS.get(key.toLowerCase().replaceAll('_', ''))
  const meant = habit === undefined ? nearest(key, settableNames(receiver)) : null
  const hint = habit ?? (meant === null ? null : `did you mean ${meant}?`)
  return new ProgrammingError(
    `${name}: there is no property ${JSON.stringify(key.slice(0, 40))} to set`,
    hint === null ? {} : { hint },
  )
}

function settableNames(receiver: object): string[] {
  const names: string[] = []
  for (let at: unknown = Object.getPrototypeOf(receiver); at !== Object.prototype && at !== null;) {
    const descriptors = Object.entries(Object.getOwnPropertyDescriptors(at as object))
    names.push(...descriptors.filter(([, { set }]) => set !== undefined).map(([name]) => name))
    at = Object.getPrototypeOf(at)
    if (at !== null && Object.getPrototypeOf(at) === null) break
  }
  return names
}
