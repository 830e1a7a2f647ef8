/** Writes types as text, and finds the declarations that they refer to. */

/** Writes a type as the sources do: `Values | undefined`, `RowOf<T>[]`. */
export function typeText(type) {
  return type === undefined ? 'void' : printed(type)
}

function printed(type) {
  switch (type.type) {
    case 'reflection':
      return literalText(type.declaration)
    case 'array':
      return `${within(type.elementType)}[]`
    case 'union':
      return type.types
        .map((part) =>
          part.type === 'reflection' && part.declaration.signatures ? `(${printed(part)})` : printed(part),
        )
        .join(' | ')
    case 'intersection':
      return type.types.map((part) => within(part)).join(' & ')
    case 'reference':
      return type.typeArguments?.length > 0 ? `${type.name}<${type.typeArguments.map(printed).join(', ')}>` : type.name
    case 'typeOperator':
      return `${type.operator} ${within(type.target)}`
    case 'tuple':
      return `[${type.elements.map(printed).join(', ')}]`
    case 'optional':
      return `${printed(type.elementType)}?`
    case 'rest':
      return `...${within(type.elementType)}`
    case 'literal':
      return typeof type.value === 'string' ? `'${type.value}'` : type.toString()
    case 'indexedAccess':
      return `${printed(type.objectType)}[${printed(type.indexType)}]`
    default:
      return type.toString().replaceAll('"', "'")
  }
}

function within(type) {
  const needsParentheses =
    ['union', 'intersection', 'conditional', 'typeOperator'].includes(type.type) ||
    (type.type === 'reflection' && type.declaration.signatures !== undefined)
  return needsParentheses ? `(${printed(type)})` : printed(type)
}

function literalText(declaration) {
  const [call] = declaration.signatures ?? []
  if (call !== undefined && declaration.children === undefined) {
    const isNew = call.name === '__constructor' || call.kindOf?.(16384)
    return `${isNew ? 'new ' : ''}${typeParametersText(call)}(${parametersText(call)}) => ${typeText(call.type)}`
  }
  const members = (declaration.children ?? []).map((child) => {
    const isReadonly = child.flags.isReadonly ? '' : ''
    if (child.signatures !== undefined) {
      const [signature] = child.signatures
      return `${child.name}(${parametersText(signature)}): ${typeText(signature.type)}`
    }
    return `${isReadonly}${child.name}${child.flags.isOptional ? '?' : ''}: ${typeText(child.type)}`
  })
  for (const index of declaration.indexSignatures ?? []) {
    members.push(`[${index.parameters[0].name}: ${typeText(index.parameters[0].type)}]: ${typeText(index.type)}`)
  }
  return members.length === 0 ? '{}' : `{ ${members.join('; ')} }`
}

/** Writes type parameters, `<T = Row>`; an empty string if there are none. */
export function typeParametersText({ typeParameters = [] }) {
  if (typeParameters.length === 0) return ''
  const texts = typeParameters.map(({ name, type, default: fallback }) => {
    return `${name}${type ? ` extends ${typeText(type)}` : ''}${fallback ? ` = ${typeText(fallback)}` : ''}`
  })
  return `<${texts.join(', ')}>`
}

/** Writes parameters, `sql: StatementText, values?: Values`. */
export function parametersText({ parameters = [] }) {
  return parameters
    .map((parameter) => {
      const isOptional = parameter.flags.isOptional || parameter.defaultValue !== undefined
      const name = parameterName(parameter)
      return `${parameter.flags.isRest ? '...' : ''}${name}${isOptional ? '?' : ''}: ${typeText(parameter.type)}`
    })
    .join(', ')
}

/**
 * The name of a parameter. A destructured parameter has none, and is an options object. An unused one begins with an
 * underscore.
 */
export function parameterName({ name }) {
  return name === '__namedParameters' ? 'options' : name.replace(/^_/, '')
}

/** Calls back with each declaration that a type refers to. */
export function eachReference(type, visit, depth = 0) {
  if (type === null || typeof type !== 'object' || depth > 12) return
  if (type.type === 'reference' && type.reflection !== undefined) visit(type.reflection)
  const inner = [
    type.elementType,
    type.target,
    type.objectType,
    type.indexType,
    type.checkType,
    type.extendsType,
    type.trueType,
    type.falseType,
  ]
  for (const part of [...inner, ...(type.types ?? []), ...(type.typeArguments ?? []), ...(type.elements ?? [])]) {
    eachReference(part, visit, depth + 1)
  }
  if (type.type !== 'reflection') return
  for (const child of type.declaration.children ?? []) eachReference(child.type, visit, depth + 1)
  for (const signature of type.declaration.signatures ?? []) eachReferenceOfSignature(signature, visit, depth + 1)
}

/** Calls back with each declaration that a signature's parameters and result refer to. */
export function eachReferenceOfSignature(signature, visit, depth = 0) {
  eachReference(signature.type, visit, depth)
  for (const parameter of signature.parameters ?? []) eachReference(parameter.type, visit, depth)
}
