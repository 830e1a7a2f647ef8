/**
 * Refuses properties that a class of syncpg does not have. Without it `con.isolation_level = …` would set a property
 * that nobody reads, and `if (cursor.rowCount > 0)` would always be false. A guard stands at the end of the prototype
 * chain, so access to known properties costs nothing more. Setting an unknown property throws. Reading one throws only
 * if it is another spelling of a known name, or a name that users of other drivers expect, because programs and
 * libraries read `then`, `toJSON` and many other names.
 */
import { ProgrammingError } from '../errors/tree.ts'
import { plainName, propertyHabit } from './habits.ts'
import { nearest } from './nearest.ts'

// oxlint-disable-next-line typescript/no-unsafe-function-type -- any class, whatever its parameters.
type AnyClass = Function

/** For each base class, the prototypes of the guarded classes that extend it. */
const guarded = new WeakMap<AnyClass, Set<unknown>>()

/**
 * Guards a class. Its own properties have to be declared as fields, because declared fields do not reach the guard. The
 * user's subclasses may have further properties.
 * @param base the class that extends no other
 * @param concrete the classes of syncpg that extend it; a later call may name more of them
 */
export function sealInstances(base: AnyClass, ...concrete: readonly AnyClass[]): void {
  const known = guarded.get(base)
  const ours = known ?? new Set<unknown>([base.prototype])
  for (const each of concrete) ours.add(each.prototype)
  if (known !== undefined) return
  guarded.set(base, ours)
  const isOurs = (receiver: object): boolean => ours.has(Object.getPrototypeOf(receiver))
  const guard = new Proxy(Object.prototype, {
    get(target, key, receiver: object) {
      if (typeof key === 'symbol' || key in target) return Reflect.get(target, key, receiver)
      const words = isOurs(receiver) ? otherName(receiver, key) : null
      if (words === null) return undefined
      throw new ProgrammingError(`${receiver.constructor.name}: there is no property ${shown(key)}`, { hint: words })
    },
    set(target, key, value, receiver: object) {
      if (typeof key === 'string' && !(key in target) && isOurs(receiver)) throw refusal(receiver, key)
      return Reflect.defineProperty(receiver, key, { value, writable: true, enumerable: true, configurable: true })
    },
  })
  Object.setPrototypeOf(base.prototype, guard)
  // Each `await` reads `then`. This definition is faster than the way through the guard.
  // oxlint-disable-next-line unicorn/no-thenable -- it is undefined.
  Object.defineProperty(base.prototype, 'then', { value: undefined })
}

function refusal(receiver: object, key: string): ProgrammingError {
  const habit = propertyHabit(kindOf(receiver), key)
  const meant = habit === null ? nearest(key, settableNames(receiver)) : null
  const hint = habit ?? (meant === null ? null : `did you mean ${meant}?`)
  return new ProgrammingError(
    `${receiver.constructor.name}: there is no property ${shown(key)} to set`,
    hint === null ? {} : { hint },
  )
}

/** The hint for a name that differs from a known one only in case and underscores, or that other drivers have. */
function otherName(receiver: object, key: string): string | null {
  const plain = plainName(key)
  for (const { name } of membersOf(receiver)) {
    if (plainName(name) === plain) return `did you mean ${name}?`
  }
  return propertyHabit(kindOf(receiver), key)
}

/**
 * The kind under which `habits.ts` lists a class. The name of the class is not enough, because two classes are called
 * `Connection`.
 */
function kindOf(receiver: object): string {
  const { name } = receiver.constructor
  if (name !== 'Connection') return name
  return 'cursor' in receiver && 'autocommit' in receiver ? 'blocking' : 'async'
}

function shown(key: string): string {
  return JSON.stringify(key.slice(0, 40))
}

interface Member {
  readonly name: string
  readonly isSettable: boolean
}

/** The properties of an object and of its prototypes below the guard. */
function* membersOf(receiver: object): Generator<Member, void, undefined> {
  for (const name of Object.keys(receiver)) yield { name, isSettable: false }
  let at: unknown = Object.getPrototypeOf(receiver)
  while (at !== null && at !== Object.prototype) {
    const above: unknown = Object.getPrototypeOf(at as object)
    // The guard's own prototype is null.
    if (above === null) return
    for (const [name, { set }] of Object.entries(Object.getOwnPropertyDescriptors(at as object))) {
      if (name !== 'constructor') yield { name, isSettable: set !== undefined }
    }
    at = above
  }
}

function settableNames(receiver: object): string[] {
  const names: string[] = []
  for (const { name, isSettable } of membersOf(receiver)) if (isSettable) names.push(name)
  return names
}
