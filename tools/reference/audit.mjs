/** Finds public declarations, methods, properties and options without a docstring. */
import { commentOf, fileOf, isSymbol, membersOf, optionParameters, optionsIn, textOf } from './model.mjs'
import { ReflectionKind } from './read-doors.mjs'

/** This file has a class for each SQLSTATE. The table of the page describes them, so they need no docstrings. */
const GENERATED = 'src-async/errors/sqlstates.ts'

/** Members of JavaScript's own protocols. Their names say what they do. */
const SAYS_ENOUGH = new Set(['toString', 'toJSON', 'valueOf', 'next', 'return', 'throw', 'length', 'name'])

/** @returns a line for each missing docstring, with the file */
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

  /** Checks options that are written in the signature itself. */
  function requireOptions({ signatures = [], sources }, name) {
    for (const { name: parameter, type } of signatures.flatMap(optionParameters)) {
      // A destructured object that is not an options object.
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
