/**
 * The parts of TypeDoc's model that the pages need: which declarations are exported, on which page each one is, and
 * the options of an options object.
 */
import { DOORS, PAGES } from './doors.mjs'
import { INTERNAL, ReflectionKind } from './read-doors.mjs'

const SYMBOLS = /^\[/

/** The method by which `console.log` prints an object. No program calls it. TypeDoc drops the symbol's `inspect.`. */
const PRINTING = /^\[(?:inspect\.)?(?:custom|INSPECT)\]$/

/** @param project the result of `readDoors` */
export function createModel(project) {
  /** Declarations by page, in the order of the doors. */
  const pages = new Map([...DOORS, ...PAGES].map(({ page }) => [page, []]))
  /** The page of each exported declaration. */
  const pageOf = new Map()
  const doorOf = new Map()
  for (const door of DOORS) {
    const module = project.children.find(({ name }) => `${name}/index.ts` === door.source || name === door.name)
    if (module === undefined) throw new Error(`the door ${door.name} was not read`)
    for (const exported of module.children) {
      const target = exported.isReference?.() ? exported.getTargetReflectionDeep() : exported
      if (exported.name === INTERNAL || exported.name === 'default' || target.parent?.name === INTERNAL) continue
      const doors = doorOf.get(target) ?? []
      doorOf.set(target, [...doors, door])
      if (exported.name !== target.name) continue
      if (pageOf.has(target)) continue
      const page = placeOf(target, door)
      pageOf.set(target, page)
      pages.get(page).push(target)
    }
  }
  // A name in a namespace (`pg.Client`) leads to the page of the class.
  for (const [page, declarations] of pages) {
    pages.set(
      page,
      declarations.filter(({ kind }) => kind !== ReflectionKind.Namespace),
    )
  }
  return { pages, pageOf, doorOf, isExported: (declaration) => pageOf.has(declaration) }
}

function placeOf(declaration, door) {
  const file = fileOf(declaration)
  const page = PAGES.find(({ of, has }) => {
    if (of !== null && of !== door.name) return false
    return has.some(([path, name]) => file.startsWith(path) && (name === undefined || name === declaration.name))
  })
  return page?.page ?? door.page
}

export function fileOf(declaration) {
  return declaration.sources?.[0]?.fileName ?? ''
}

/**
 * The members of a class or an interface that users call. Left out are a constructor that only the package calls, and
 * names with `_`.
 */
export function membersOf(declaration, { isInherited = true } = {}) {
  const members = (declaration.children ?? []).filter((member) => {
    if (!isInherited && member.inheritedFrom !== undefined) return false
    // Classes declare their `name` for bundlers, and each error has one, so the page does not list it.
    if (member.name === 'name' && (member.flags.isStatic || member.getSignature?.overwrites !== undefined)) return false
    if (member.name.startsWith('_') || PRINTING.test(member.name)) return false
    if (member.kind !== ReflectionKind.Constructor) return true
    return !textOf(member.signatures?.[0]?.comment?.summary).startsWith('Made by')
  })
  return {
    constructors: members.filter(({ kind }) => kind === ReflectionKind.Constructor),
    methods: members.filter(({ kind, signatures }) => kind === ReflectionKind.Method && signatures !== undefined),
    properties: members.filter(({ kind }) => [ReflectionKind.Property, ReflectionKind.Accessor].includes(kind)),
  }
}

export const isSymbol = (member) => SYMBOLS.test(member.name)

/** The comment of a function or a method: that of the first overload with a comment. */
export function commentOf(declaration) {
  const { signatures = [], getSignature, setSignature, comment } = declaration
  const own = signatures.find((signature) => signature.comment !== undefined)?.comment
  return (
    own ??
    comment ??
    getSignature?.comment ??
    setSignature?.comment ??
    declaration.type?.declaration?.signatures?.[0]?.comment
  )
}

export function textOf(parts) {
  return (parts ?? []).map(({ text }) => text).join('')
}

/**
 * The options of an options object: the properties of its interfaces, also in intersections, `Pick` and `Omit`.
 * @returns properties by name, and the exported interfaces they come from
 */
export function optionsIn(type, model) {
  const properties = new Map()
  const named = new Set()
  collect(type, (property) => property)
  return { properties, named: [...named] }

  function collect(part, filter) {
    if (part === undefined) return
    if (part.type === 'intersection' || part.type === 'union') for (const inner of part.types) collect(inner, filter)
    if (part.type === 'reflection') add(part.declaration.children, filter)
    if (part.type !== 'reference') return
    if (['Pick', 'Omit'].includes(part.name)) {
      const [inner, keys] = part.typeArguments
      const names = new Set((keys.types ?? [keys]).map(({ value }) => value))
      const isKept = (name) => names.has(name) === (part.name === 'Pick')
      const { properties: found } = optionsIn(inner, model)
      for (const [name, property] of found) if (isKept(name)) properties.set(name, property)
      return
    }
    const target = part.reflection
    if (target === undefined || target.kind === ReflectionKind.Class) return
    if (target.kind === ReflectionKind.TypeAlias)
      return addAll(optionsIn(target.type, model), argumentsOf(part, target))
    if (model.isExported(target)) named.add(target)
    add(target.children, filter)
  }

  function add(children = []) {
    for (const child of children) {
      // Where two forms exclude each other, one has `source?: undefined`. The other form says what the option takes.
      const isKnown = properties.has(child.name) && properties.get(child.name).type?.name !== 'undefined'
      if (!isKnown && child.kind === ReflectionKind.Property) properties.set(child.name, child)
    }
  }

  /** Adds the options of an alias. A type parameter of the alias becomes the type that was given for it. */
  function addAll(found, given) {
    for (const declaration of found.named) named.add(declaration)
    const children = [...found.properties.values()].map((child) => {
      const type = given.get(child.type?.name)
      return type === undefined ? child : Object.create(child, { type: { value: type } })
    })
    add(children)
  }
}

function argumentsOf({ typeArguments = [] }, { typeParameters = [] }) {
  return new Map(typeParameters.map(({ name }, index) => [name, typeArguments[index]]))
}

/** The parameters of a function that are objects of options, by their names. */
export function optionParameters({ parameters = [] }) {
  return parameters.filter(({ name }) => /options|config|first|second|dsn|__namedParameters/i.test(name))
}
