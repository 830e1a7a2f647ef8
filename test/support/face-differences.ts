/**
 * Finds the differences between the two doors: names, members and options that only one of them has, and options,
 * results and types that differ.
 */
import type { Door, Member, Signature } from './door-members.ts'
import { type ComparedType, comparedType } from './compared-type.ts'

export interface Difference {
  /**
   * `Connection.pipeline` for a name that one door has, `Connection.fetch { signal }` for an option, `Connection.execute` for a
   * result, `CopySource` for a type.
   */
  readonly name: string
  readonly kind: 'name' | 'option' | 'option type' | 'result' | 'type'
  /** The door that has it; both for options, results and types that differ. */
  readonly side: 'blocking' | 'async' | 'both'
  /** The types of both doors, where they differ. */
  readonly detail: string
}

const OPTIONS = new Set(['options', 'sizes'])

export function differencesOf(blocking: Door, async: Door): Difference[] {
  const optionTypes = new Set([blocking, async].flatMap((door) => [...namesOfOptionTypes(door)]))
  const shared = [...blocking.exports].filter((name) => async.exports.has(name))
  const compared = (door: Door, type: string): ComparedType => comparedType(door, type, new Set(shared))
  return [
    ...onlyIn(blocking.exports, async.exports).map((name) => difference(name)),
    ...[...blocking.functions].flatMap(([name, signatures]) => {
      const other = async.functions.get(name)
      const own = { name, signatures, type: null }
      return other === undefined ? [] : compare(name, own, { name, signatures: other, type: null })
    }),
    ...shared.flatMap(membersOfBoth),
    ...shared.filter((name) => !optionTypes.has(name)).flatMap(aliasOfBoth),
  ]

  function membersOfBoth(name: string): Difference[] {
    const [own, other] = [blocking.membersOf(name), async.membersOf(name)]
    // The options of methods are compared method by method.
    if (own === null || other === null || optionTypes.has(name)) return []
    const named = (members: ReadonlyMap<string, Member>): Set<string> => new Set([...members.keys()].map(sharedName))
    const theirs = new Map([...other].map(([key, member]) => [sharedName(key), member]))
    return [
      ...onlyIn(named(own), named(other)).map((each) => difference({ ...each, name: `${name}.${each.name}` })),
      ...[...own].flatMap(([key, member]) => {
        const twin = theirs.get(sharedName(key))
        return twin === undefined ? [] : compare(`${name}.${sharedName(key)}`, member, twin)
      }),
    ]
  }

  function aliasOfBoth(name: string): Difference[] {
    const [own, other] = [blocking.aliasOf(name), async.aliasOf(name)]
    if (own === null || other === null || blocking.filesOf(name) === async.filesOf(name)) return []
    return differing({ name, kind: 'type' }, own, other)
  }

  function compare(name: string, own: Member, other: Member): Difference[] {
    const [options, others] = [optionsOf(blocking, own), optionsOf(async, other)]
    const named = onlyIn(new Set(options.keys()), new Set(others.keys()))
    return [
      ...named.map((each) => ({ ...each, name: `${name} { ${each.name} }`, kind: 'option' as const, detail: '' })),
      ...[...options].flatMap(([option, type]) => {
        const twin = others.get(option)
        return twin === undefined ? [] : differing({ name: `${name} { ${option} }`, kind: 'option type' }, type, twin)
      }),
      ...differing({ name, kind: 'result' }, resultOf(own), resultOf(other)),
    ]
  }

  function differing(what: Pick<Difference, 'name' | 'kind'>, blockingType: string, asyncType: string): Difference[] {
    const [own, other] = [compared(blocking, blockingType), compared(async, asyncType)]
    if (own.key === other.key) return []
    return [{ ...what, side: 'both', detail: `${own.text} / ${other.text}` }]
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
function sharedName(name: string): string {
  return name
    .replace('Symbol.async', 'Symbol.')
    .replace('Symbol.Dispose', 'Symbol.dispose')
    .replace('Symbol.Iterator', 'Symbol.iterator')
}

function isOptions({ name }: Signature['parameters'][number]): boolean {
  return OPTIONS.has(name)
}

/** The options of all overloads, each with its type. */
function optionsOf(door: Door, { signatures }: Member): Map<string, string> {
  const types = signatures.flatMap(({ parameters }) => parameters.filter(isOptions).map(({ type }) => type))
  return new Map([...door.optionsOf(types.map((type) => `(${type})`).join(' | '))])
}

/** The results of all overloads as one union, or the type of a property. */
function resultOf({ signatures, type }: Member): string {
  if (signatures.length === 0) return type ?? ''
  return [...new Set(signatures.map(({ result }) => `(${result})`))].join(' | ')
}
