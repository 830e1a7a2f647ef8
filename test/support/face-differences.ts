/** Finds the differences between the two doors: names, members, options and results that only one of them has. */
import type { Door, Member, Signature } from './door-members.ts'

export interface Difference {
  /**
   * `Connection.pipeline` for a name that one door has, `Connection.fetch { signal }` for an option, `Connection.execute` for a
   * result.
   */
  readonly name: string
  readonly kind: 'name' | 'option' | 'result'
  /** The door that has it; both for a result that differs. */
  readonly side: 'blocking' | 'async' | 'both'
  /** For a result that differs, the types of both doors. */
  readonly detail: string
}

const OPTIONS = new Set(['options', 'sizes'])

export function differencesOf(blocking: Door, async: Door): Difference[] {
  const optionTypes = new Set([blocking, async].flatMap((door) => [...namesOfOptionTypes(door)]))
  return [
    ...onlyIn(blocking.exports, async.exports).map((name) => difference(name)),
    ...[...blocking.functions].flatMap(([name, signatures]) => {
      const other = async.functions.get(name)
      const own = { name, signatures, type: null }
      return other === undefined ? [] : compare(name, own, { name, signatures: other, type: null })
    }),
    ...[...blocking.exports].filter((name) => async.exports.has(name)).flatMap(membersOfBoth),
  ]

  function membersOfBoth(name: string): Difference[] {
    const [own, other] = [blocking.membersOf(name), async.membersOf(name)]
    // The options of methods are compared method by method.
    if (own === null || other === null || optionTypes.has(name)) return []
    const named = (members: ReadonlyMap<string, Member>): Set<string> => new Set([...members.keys()].map(shared))
    const theirs = new Map([...other].map(([key, member]) => [shared(key), member]))
    return [
      ...onlyIn(named(own), named(other)).map((each) => difference({ ...each, name: `${name}.${each.name}` })),
      ...[...own].flatMap(([key, member]) => {
        const twin = theirs.get(shared(key))
        return twin === undefined ? [] : compare(`${name}.${shared(key)}`, member, twin)
      }),
    ]
  }

  function compare(name: string, own: Member, other: Member): Difference[] {
    const options = onlyIn(optionsOf(blocking, own), optionsOf(async, other))
    const results = [resultOf(own), resultOf(other)]
    return [
      ...options.map((each) => ({ ...each, name: `${name} { ${each.name} }`, kind: 'option' as const, detail: '' })),
      ...(results[0] === results[1]
        ? []
        : [{ name, kind: 'result' as const, side: 'both' as const, detail: results.join(' / ') }]),
    ]
  }
}

function namesOfOptionTypes(door: Door): Set<string> {
  const classes = door.classes.flatMap((name) => [...(door.membersOf(name)?.values() ?? [])])
  const signatures = [...classes.flatMap((member) => member.signatures), ...[...door.functions.values()].flat()]
  const types = signatures.flatMap(({ parameters }) => parameters.filter(isOptions).map(({ type }) => type))
  const named = new Set(types.flatMap((type) => type.match(/\w+/g) ?? []))
  // These types extend other option types, which are exported under such names.
  for (const name of door.exports) if (/(?:Options|Option|Hooks)$/.test(name)) named.add(name)
  return named
}

function difference(only: { readonly name: string; readonly side: 'blocking' | 'async' }): Difference {
  return { ...only, kind: 'name', detail: '' }
}

function onlyIn(
  blocking: ReadonlySet<string>,
  async: ReadonlySet<string>,
): { readonly name: string; readonly side: 'blocking' | 'async' }[] {
  return [
    ...[...blocking].filter((name) => !async.has(name)).map((name) => ({ name, side: 'blocking' as const })),
    ...[...async].filter((name) => !blocking.has(name)).map((name) => ({ name, side: 'async' as const })),
  ]
}

/** Each face has its own symbols for the end of a scope and for iteration. */
function shared(name: string): string {
  return name
    .replace('Symbol.async', 'Symbol.')
    .replace('Symbol.Dispose', 'Symbol.dispose')
    .replace('Symbol.Iterator', 'Symbol.iterator')
}

function isOptions({ name }: Signature['parameters'][number]): boolean {
  return OPTIONS.has(name)
}

function optionsOf(door: Door, { signatures }: Member): Set<string> {
  const types = signatures.flatMap(({ parameters }) => parameters.filter(isOptions).map(({ type }) => type))
  return new Set(types.flatMap((type) => [...door.optionsOf(type)]))
}

/** A result without the promise around it, and with one name for every type parameter. */
function resultOf({ signatures, type }: Member): string {
  const results = signatures.length === 0 ? [type ?? ''] : signatures.map(({ result }) => result)
  const plain = results.map((result) =>
    result
      .replace(/^Promise<(.*)>$/, '$1')
      .replaceAll(/\b[RV]\b/g, 'T')
      .replaceAll(/^readonly /g, ''),
  )
  return [...new Set(plain)].join(' or ')
}
