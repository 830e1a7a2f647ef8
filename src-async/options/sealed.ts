/**
 * Refuses properties that a class of ours does not have: `con.isolation_level = …` would be kept on the object and do nothing, and
 * `if (cursor.rowCount > 0)` would never hold. Where the prototypes of the class end stands a guard, so that known properties cost
 * what they cost without it. To read what is not there is refused only where another spelling is, or where people of other drivers
 * expect it: programs and libraries ask objects for `then`, `toJSON` and many more.
 */
import { ProgrammingError } from '../errors/tree.ts'
import { plainName, propertyHabit } from './habits.ts'
import { nearest } from './nearest.ts'

// oxlint-disable-next-line typescript/no-unsafe-function-type -- any class, whatever its parameters.
type AnyClass = Function

/** The prototypes of the classes that share a base. */
const guarded = new WeakMap<AnyClass, Set<unknown>>()

/**
 * Guards a class, whose constructor sets its own properties by declaring them. Subclasses of the user's may have more.
 * @param base the class that extends no other
 * @param concrete the classes of ours that extend it. They may be named in calls of their own
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
  // Each `await` asks for it, and finds it faster here than through the guard.
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

/** What to write for a name that differs from one of ours in case and underscores only, or that other drivers have. */
function otherName(receiver: object, key: string): string | null {
  const plain = plainName(key)
  for (const { name } of membersOf(receiver)) {
    if (plainName(name) === plain) return `did you mean ${name}?`
  }
  return propertyHabit(kindOf(receiver), key)
}

/** Under which kind the habits of a class are kept: two classes are called `Connection`. */
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

/** What an object has, and its prototypes below the guard. */
function* membersOf(receiver: object): Generator<Member, void, undefined> {
  for (const name of Object.keys(receiver)) yield { name, isSettable: false }
  let at: unknown = Object.getPrototypeOf(receiver)
  while (at !== null && at !== Object.prototype) {
    const above: unknown = Object.getPrototypeOf(at as object)
    // The guard is the one below nothing.
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
