/** Finds what is public and says nothing of itself: a declaration, a method, a property or an option without a docstring. */
import { commentOf, fileOf, isSymbol, membersOf, optionParameters, optionsIn, textOf } from './model.mjs'
import { ReflectionKind } from './read-doors.mjs'

/** A class for each SQLSTATE: the table of the page says what there is to say. */
const GENERATED = 'src-async/errors/sqlstates.ts'

/** Members whose name is a protocol of the language, which says what they do. */
const SAYS_ENOUGH = new Set(['toString', 'toJSON', 'valueOf', 'next', 'return', 'throw', 'length', 'name'])

/** @returns a line for each of them, with its file */
export function undocumented(model) {
  const missing = []
  for (const declarations of model.pages.values()) {
    for (const declaration of declarations) {
      if (fileOf(declaration) === GENERATED) continue
      require(declaration, declaration.name)
      requireOptions(declaration, declaration.name)
      if (![ReflectionKind.Class, ReflectionKind.Interface].includes(declaration.kind)) continue
      const { methods, properties } = membersOf(declaration)
      for (const member of [...methods, ...properties]) {
        if (
          member.inheritedFrom !== undefined ||
          isSymbol(member) ||
          SAYS_ENOUGH.has(member.name) ||
          /^\d+$/.test(member.name)
        )
          continue
        require(member, `${declaration.name}.${member.name}`)
        requireOptions(member, `${declaration.name}.${member.name}`)
      }
    }
  }
  return missing

  /** Options that stand in a signature itself. */
  function requireOptions({ signatures = [], sources }, name) {
    for (const { name: parameter, type } of signatures.flatMap(optionParameters)) {
      // An object that is taken apart, and is no object of options.
      if (parameter === '__namedParameters') continue
      for (const [option, property] of optionsIn(type, model).properties) {
        const isOfInterface = model.isExported(property.parent) || property.comment !== undefined
        if (!isOfInterface) missing.push(`${fileOf({ sources })}: ${name}: option ${option} has no docstring`)
      }
    }
  }

  function require(declaration, name) {
    const comment = commentOf(declaration)
    const said = textOf(comment?.summary).trim() || comment?.blockTags?.some(({ tag }) => tag === '@returns')
    if (!said) missing.push(`${fileOf(declaration)}: ${name} has no docstring`)
  }
}
