/** Writes a page of the reference from declarations: for each one its signature, options, result, errors and example. */
import { existsSync, readFileSync } from 'node:fs'

import { DOORS, PAGES } from './doors.mjs'
import { commentOf, fileOf, isSymbol, membersOf, optionParameters, optionsIn, textOf } from './model.mjs'
import { ReflectionKind } from './read-doors.mjs'
import { slug } from './slug.mjs'
import {
  eachReference,
  eachReferenceOfSignature,
  parameterName,
  parametersText,
  typeParametersText,
  typeText,
} from './types.mjs'

/** If an options object has more options than this, only the page of its type describes them. */
const MOST_INLINE_OPTIONS = 14

/** The longest line that fits the width of a page of the site. */
const LINE_LENGTH = 72
const NOTE = '<!-- Written by npm run reference: change the docstrings, not this page. -->'

/** @returns the Markdown of each page by its name */
export function renderPages(model) {
  const all = [...DOORS.map((door) => ({ ...door, title: door.name, of: door.name })), ...PAGES]
  return new Map(
    all
      .filter(({ page }) => model.pages.get(page).length > 0)
      .map((page) => [page.page, new Page(page, model).render()]),
  )
}

class Page {
  #page
  #model
  #declarations
  #isOfOne
  /** Types that are used and not exported, with their definitions. */
  #unexported = new Map()

  constructor(page, model) {
    this.#page = page
    this.#model = model
    this.#declarations = model.pages.get(page.page)
    this.#isOfOne = this.#declarations.length === 1
  }

  render() {
    const parts = [NOTE, `# ${this.#page.title}`, this.#provenance(), this.#intro()]
    const classes = this.#declarations.filter(
      ({ kind, name }) => kind === ReflectionKind.Class && !isSqlstate(name, this.#page),
    )
    const functions = this.#declarations.filter(({ kind }) => kind === ReflectionKind.Function)
    const variables = this.#declarations.filter(({ kind }) => kind === ReflectionKind.Variable)
    const isShape = ({ children = [] }) => children.some(({ kind }) => kind === ReflectionKind.Method)
    const interfaces = this.#declarations.filter(({ kind }) => kind === ReflectionKind.Interface)
    const objects = interfaces.filter(isShape)
    const options = interfaces.filter((one) => !isShape(one))
    const aliases = this.#declarations.filter(({ kind }) => kind === ReflectionKind.TypeAlias)
    if (!this.#isOfOne) parts.push(this.#contents())
    for (const one of functions) parts.push(this.#function(one, 2))
    if (variables.length > 0) parts.push(this.#variables(variables))
    for (const one of [...classes, ...objects]) parts.push(this.#class(one))
    for (const one of options) parts.push(this.#interface(one))
    if (this.#page.page === 'errors') parts.push(this.#sqlstates())
    if (aliases.length > 0) parts.push(this.#aliases(aliases))
    if (this.#unexported.size > 0) parts.push(this.#namesThatStandForTypes())
    return `${parts.filter(Boolean).join('\n\n')}\n`
  }

  #provenance() {
    const door = DOORS.find(({ name }) => name === this.#page.of)
    const from = door === undefined ? 'Both `syncpg` and `syncpg/async` have what is on this page.' : `\`${door.use}\``
    const others = PAGES.filter(({ of, page }) => door !== undefined && of === door.name && page !== this.#page.page)
    const links = [
      ...(door !== undefined && door.page !== this.#page.page ? [`[${door.name}](${door.page}.md)`] : []),
      ...others.map(({ page, title }) => `[${title.replace(/ \((blocking|async)\)$/, '')}](${page}.md)`),
      '[all pages](../api.md)',
    ]
    return `${from}\n\nSee also: ${links.join(' · ')}`
  }

  #intro() {
    const path = `tools/reference/intros/${this.#page.page}.md`
    return existsSync(path) ? readFileSync(path, 'utf8').trim() : ''
  }

  #contents() {
    const shown = this.#declarations.filter(({ name }) => !isSqlstate(name, this.#page))
    const of = (...kinds) => shown.filter(({ kind }) => kinds.includes(kind))
    const links = (list) =>
      list.map(({ name, kind }) => {
        const isFunction = kind === ReflectionKind.Function
        return `[\`${name}${isFunction ? '()' : ''}\`](#${slug(`${name}${isFunction ? '()' : ''}`)})`
      })
    const lines = [
      ['Functions', links(of(ReflectionKind.Function))],
      ['Classes', links(of(ReflectionKind.Class))],
      ['Types', links(of(ReflectionKind.Interface))],
    ].filter(([, list]) => list.length > 0)
    return lines.map(([title, list]) => `- **${title}:** ${list.join(' ')}`).join('\n')
  }

  #class(declaration) {
    const { constructors, methods, properties } = membersOf(declaration, { isInherited: this.#page.page !== 'errors' })
    const parts = []
    if (!this.#isOfOne) parts.push(`## ${declaration.name}`)
    const parents = (declaration.extendedTypes ?? []).map((type) => this.#typeLink(type)).filter((link) => link !== '')
    if (parents.length > 0) parts.push(`Extends ${parents.join(', ')}.`)
    parts.push(this.#prose(declaration.comment))
    for (const made of constructors) parts.push(this.#callable(made, `new ${declaration.name}()`, 3, declaration))
    parts.push(this.#examples(declaration.comment))
    if (methods.length > 6) {
      const links = methods
        .filter((method) => !isSymbol(method))
        .map((method) => {
          return `[\`${method.name}\`](#${slug(this.#heading(method, declaration))})`
        })
      parts.push(`**Methods:** ${links.join(' ')}`)
    }
    if (properties.length > 0)
      parts.push(this.#isOfOne ? '## Properties' : '**Properties**', this.#properties(properties))
    if (methods.length > 0 && this.#isOfOne) parts.push('## Methods')
    for (const method of methods) parts.push(this.#callable(method, this.#heading(method, declaration), 3, declaration))
    return parts.filter(Boolean).join('\n\n')
  }

  #heading(method, declaration) {
    // The backticks prevent that Markdown reads the brackets and parentheses as a link.
    if (isSymbol(method)) return `\`${nameOf(method)}()\``
    if (method.flags.isStatic) return `${declaration.name}.${method.name}()`
    if (this.#isOfOne) return `${method.name}()`
    return `${lowerFirst(declaration.name)}.${method.name}()`
  }

  #function(declaration, depth) {
    return this.#callable(declaration, `${declaration.name}()`, depth)
  }

  /** Describes a function, a method or a constructor. */
  #callable(declaration, heading, depth, owner) {
    const { signatures } = declaration
    const name = declaration.kind === ReflectionKind.Constructor ? `new ${owner.name}` : nameOf(declaration)
    // The signature with the fewest required parameters comes first, because most calls look like it.
    const ordered = signatures.toSorted((one, other) => requiredCount(one) - requiredCount(other))
    const written = ordered.map((signature) => {
      this.#noteUnexported(signature)
      const result = declaration.kind === ReflectionKind.Constructor ? '' : `: ${typeText(signature.type)}`
      const generic = declaration.kind === ReflectionKind.Constructor ? '' : typeParametersText(signature)
      return wrapped(`${name}${generic}(`, parametersText(signature), `)${result}`)
    })
    const comment = commentOf(declaration)
    const parts = [`${'#'.repeat(depth)} ${heading}`, `\`\`\`ts\n${[...new Set(written)].join('\n')}\n\`\`\``]
    parts.push(this.#prose(comment), this.#parameters(signatures), this.#options(signatures))
    const returns = this.#blockTag(comment, '@returns')
    if (returns) parts.push(`**Returns** ${returns}`)
    const throws = this.#blockTags(comment, '@throws')
    if (throws.length === 1) parts.push(`**Throws** ${throws[0]}`)
    if (throws.length > 1) parts.push(`**Throws**\n\n${throws.map((text) => `- ${text}`).join('\n')}`)
    parts.push(this.#examples(comment))
    return parts.filter(Boolean).join('\n\n')
  }

  /** Describes parameters that the docstring mentions, or that have a default. */
  #parameters(signatures) {
    const rows = new Map()
    for (const { parameters = [] } of signatures) {
      for (const parameter of parameters) {
        const name = parameterName(parameter)
        const text = this.#inline(parameter.comment?.summary)
        const known = rows.get(name)
        if (known?.text || (text === '' && known)) continue
        rows.set(name, { text, fallback: parameter.defaultValue, type: parameter.type })
      }
    }
    const said = [...rows].filter(
      ([, { text, fallback }]) => text !== '' || (fallback !== undefined && !['{}', '...'].includes(fallback)),
    )
    const lines = said.map(([name, { text, fallback }]) => {
      const isSaid = fallback !== undefined && !/^(?:\{\}|\.\.\.|[A-Z_]+)$/.test(fallback)
      return `- \`${name}\`${isSaid ? ` (default \`${fallback}\`)` : ''}${text === '' ? '' : `: ${text}`}`
    })
    return lines.length === 0 ? '' : `**Parameters**\n\n${lines.join('\n')}`
  }

  /** Lists the options with one sentence each. The page of their type has the full text. */
  #options(signatures) {
    const given = signatures.flatMap(optionParameters)
    const properties = new Map()
    const named = new Set()
    for (const { type } of given) {
      const found = optionsIn(type, this.#model)
      for (const [name, property] of found.properties) if (!properties.has(name)) properties.set(name, property)
      for (const one of found.named) named.add(one)
    }
    if (properties.size === 0) return ''
    const described = [...named].filter((one) => one.children?.length > 0)
    const isElsewhere = (name) => described.some(({ children }) => children.some((child) => child.name === name))
    const links = described.map((one) => this.#link(one)).join(', ')
    if (properties.size > MOST_INLINE_OPTIONS) {
      const own = [...properties.values()].filter(({ name }) => !isElsewhere(name))
      const table = own.length === 0 ? '' : `\n\n${this.#propertyTable(own, 'option')}`
      const names = [...properties.keys()].filter(isElsewhere).map((name) => `\`${name}\``)
      return `**Options** of ${links}: ${names.join(', ')}.${table}`
    }
    const short = new Set([...properties.keys()].filter(isElsewhere))
    const table = this.#propertyTable([...properties.values()], 'option', short)
    return `**Options**${links === '' ? '' : ` (more on each: ${links})`}\n\n${table}`
  }

  #properties(properties) {
    return this.#propertyTable(properties, 'property')
  }

  #propertyTable(properties, word, short = new Set()) {
    const rows = properties.map((property) => {
      const type = property.type ?? property.getSignature?.type ?? property.setSignature?.parameters?.[0]?.type
      this.#noteType(type)
      const comment = commentOf(property)
      const isSet = word === 'property' && property.setSignature !== undefined
      const fallback = this.#blockTag(comment, '@default')
      const text = short.has(property.name)
        ? [firstSentence(this.#inline(comment?.summary))]
        : [
            this.#inline(comment?.summary),
            ...this.#more(comment),
            isSet ? 'May be set.' : '',
            this.#throwsInline(comment),
          ]
      const optional = property.flags.isOptional && word !== 'option' ? '?' : ''
      const isStatic = property.flags.isStatic ? 'static ' : ''
      const name = `${isStatic}\`${property.name}${optional}\``
      return [
        name,
        this.#typeCell(type),
        ...(word === 'option' ? [fallback.replace(/^```\w*\n?([^]*?)\n?```$/, '`$1`')] : []),
        text.filter(Boolean).join(' '),
      ]
    })
    const head = word === 'option' ? ['option', 'type', 'default', ''] : [word, 'type', '']
    // An empty column is left out.
    const kept = head.map((_title, column) => column !== 2 || word !== 'option' || rows.some((row) => row[2] !== ''))
    const line = (cells) => `| ${cells.filter((_cell, column) => kept[column]).join(' | ')} |`
    return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
  }

  #more(comment) {
    const returns = this.#blockTag(comment, '@returns')
    return returns ? [returns] : []
  }

  #throwsInline(comment) {
    const throws = this.#blockTags(comment, '@throws')
    return throws.length === 0 ? '' : `Throws ${throws.join('; ')}`
  }

  #interface(declaration) {
    const { properties } = membersOf(declaration)
    const isOptions = properties.some(({ flags }) => flags.isOptional)
    const index = (declaration.indexSignatures ?? []).map((one) => {
      return `\`[${one.parameters[0].name}: ${typeText(one.parameters[0].type)}]: ${typeText(one.type)}\``
    })
    const call = (declaration.signatures ?? []).map((one) => `\`(${parametersText(one)}) => ${typeText(one.type)}\``)
    return [
      `## ${declaration.name}`,
      this.#prose(declaration.comment),
      [...index, ...call].join('\n'),
      properties.length === 0 ? '' : this.#propertyTable(properties, isOptions ? 'option' : 'property'),
      this.#examples(declaration.comment),
    ]
      .filter(Boolean)
      .join('\n\n')
  }

  #variables(variables) {
    const rows = variables.map((variable) => {
      this.#noteType(variable.type)
      return `| \`${variable.name}\` | ${this.#typeCell(variable.type)} | ${this.#inline(commentOf(variable)?.summary)} |`
    })
    return [
      '## Constants',
      ['| name | type | |', '| --- | --- | --- |', ...rows].join('\n'),
      ...variables.map((one) => this.#examples(one.comment)),
    ]
      .filter(Boolean)
      .join('\n\n')
  }

  #aliases(aliases) {
    const parts = aliases.map((alias) => {
      this.#noteType(alias.type)
      const comment = commentOf(alias)
      const declared = wrapped(`type ${alias.name}${typeParametersText(alias)} = `, typeText(alias.type), '')
      return [`### ${alias.name}`, `\`\`\`ts\n${declared}\n\`\`\``, this.#prose(comment), this.#examples(alias.comment)]
        .filter(Boolean)
        .join('\n\n')
    })
    return ['## Names for types', ...parts].join('\n\n')
  }

  #namesThatStandForTypes() {
    const rows = [...this.#unexported.values()]
      .sort((one, other) => (one.name < other.name ? -1 : 1))
      .map((declaration) => {
        const { type, children } = declaration
        const members = (children ?? [])
          .filter(({ name }) => !name.startsWith('_'))
          .map((child) => {
            const text = child.signatures
              ? `(${parametersText(child.signatures[0])}) => ${typeText(child.signatures[0].type)}`
              : typeText(child.type)
            return `${child.name}${child.flags.isOptional ? '?' : ''}: ${text}`
          })
        const meaning = declaration.kind === ReflectionKind.TypeAlias ? typeText(type) : `{ ${members.join('; ')} }`
        const name = `${declaration.name}${typeParametersText(declaration)}`
        return `| ${code(name)} | ${code(meaning)} | ${this.#inline(commentOf(declaration)?.summary)} |`
      })
    return [
      '## Short names in the signatures',
      'They are not exported: they stand for these types.',
      ['| name | stands for | |', '| --- | --- | --- |', ...rows].join('\n'),
    ].join('\n\n')
  }

  /** A table with the class of each SQLSTATE. */
  #sqlstates() {
    const rows = this.#declarations
      .filter(({ kind, name }) => kind === ReflectionKind.Class && isSqlstate(name, this.#page))
      .map((declaration) => {
        const state = declaration.children?.find(({ name }) => name === 'sqlstate')
        const value = state?.defaultValue ?? state?.type?.toString() ?? ''
        const [parent] = declaration.extendedTypes ?? []
        return { value: value.replaceAll(/['"]/g, ''), name: declaration.name, parent: parent?.name ?? '' }
      })
      .sort((one, other) => (one.value < other.value ? -1 : 1))
      .map(({ value, name, parent }) => `| \`${value}\` | \`${name}\` | \`${parent}\` |`)
    return [
      '## Classes by SQLSTATE',
      ['| SQLSTATE | class | extends |', '| --- | --- | --- |', ...rows].join('\n'),
    ].join('\n\n')
  }

  /** The text of a docstring as paragraphs. */
  #prose(comment) {
    const text = this.#parts(comment?.summary)
    return [text, ...this.#blockTags(comment, '@remarks')].filter(Boolean).join('\n\n').trim()
  }

  /** The text of a docstring in one line, for cells and lists. */
  #inline(parts) {
    return this.#parts(parts)
      .replaceAll(/\s*\n\s*/g, ' ')
      .replaceAll(/(?<!\\)\|/g, '\\|')
      .trim()
  }

  #blockTag(comment, tag) {
    return this.#blockTags(comment, tag)[0] ?? ''
  }

  #blockTags(comment, tag) {
    return (comment?.blockTags ?? []).filter((one) => one.tag === tag).map((one) => this.#inline(one.content))
  }

  #examples(comment) {
    const examples = (comment?.blockTags ?? []).filter(({ tag }) => tag === '@example')
    return examples
      .map(({ content }) => {
        const text = textOf(content).trim()
        const [, fenced] = /^```\w*\n([^]*?)\n?```$/.exec(text) ?? []
        return `**Example**\n\n\`\`\`js\n${dedented(fenced ?? text)}\n\`\`\``
      })
      .join('\n\n')
  }

  #parts(parts) {
    const texts = (parts ?? []).map((part) => {
      if (part.kind === 'code') return this.#linkedCode(part.text)
      if (part.kind === 'inline-tag') return this.#linkedCode(`\`${part.text}\``)
      return part.text.replaceAll('<', '&lt;').replaceAll('{{', '{&#123;')
    })
    return texts.join('')
  }

  /** Links a span of code to the page of the declaration whose name it is. */
  #linkedCode(span) {
    const name = span.replaceAll('`', '')
    const target = [...this.#model.pageOf.keys()].find((one) => {
      return (
        one.name === name && /^[A-Z]\w+$/.test(name) && this.#model.doorOf.get(one).some((door) => this.#isOfDoor(door))
      )
    })
    if (target === undefined || isSqlstate(name, { page: this.#model.pageOf.get(target) })) return span
    return this.#link(target)
  }

  #isOfDoor(door) {
    return this.#page.of === null ? ['syncpg', 'syncpg/async'].includes(door.name) : door.name === this.#page.of
  }

  #link(declaration) {
    const page = this.#model.pageOf.get(declaration)
    if (page === undefined) return `\`${declaration.name}\``
    if (isSqlstate(declaration.name, { page }))
      return `[\`${declaration.name}\`](${page === this.#page.page ? '' : `${page}.md`}#classes-by-sqlstate)`
    const isAlone = this.#model.pages.get(page).length === 1
    const suffix = declaration.kind === ReflectionKind.Function ? '()' : ''
    const anchor = declaration.kind === ReflectionKind.Variable ? 'constants' : slug(declaration.name + suffix)
    const path = page === this.#page.page ? '' : `${page}.md`
    return `[\`${declaration.name}${suffix}\`](${path}${isAlone && path !== '' ? '' : `#${anchor}`})`
  }

  #typeLink(type) {
    if (type.reflection !== undefined && this.#model.isExported(type.reflection)) return this.#link(type.reflection)
    return type.type === 'reference' && type.package !== undefined && type.reflection === undefined
      ? `\`${type.name}\``
      : ''
  }

  /** A type in a table cell: a link if it is a single name, otherwise code. */
  #typeCell(type) {
    if (type === undefined) return ''
    const parts = type.type === 'union' ? type.types.filter((part) => part.name !== 'undefined') : [type]
    const [only] = parts
    if (
      parts.length === 1 &&
      only.type === 'reference' &&
      only.reflection &&
      this.#model.isExported(only.reflection) &&
      !only.typeArguments?.length
    ) {
      return this.#link(only.reflection)
    }
    return code(parts.length === 1 ? typeText(only) : typeText({ ...type, types: parts }))
  }

  #noteUnexported(signature) {
    eachReferenceOfSignature(signature, (declaration) => this.#note(declaration))
  }

  #noteType(type) {
    eachReference(type, (declaration) => this.#note(declaration))
  }

  #note(declaration) {
    const kinds = [ReflectionKind.TypeAlias, ReflectionKind.Interface]
    if (!kinds.includes(declaration.kind) || this.#model.isExported(declaration) || this.#unexported.has(declaration))
      return
    if (declaration.parent?.name !== '<internal>' || !fileOf(declaration).startsWith('src-')) return
    this.#unexported.set(declaration, declaration)
    this.#noteType(declaration.type)
  }
}

/** The general error classes. The classes of single SQLSTATEs are in a table instead. */
const BASES = new Set([
  'DbError',
  'Error',
  'Warning',
  'InterfaceError',
  'DatabaseError',
  'DataError',
  'OperationalError',
  'IntegrityError',
  'InternalError',
  'ProgrammingError',
  'NotSupportedError',
  'PostgresLogMessage',
  'ProtocolError',
  'ClientConfigurationError',
  'InvalidCachedStatementError',
  'PoolTimeoutError',
  'QueryTimeoutError',
  'Rollback',
  'registerSqlstate',
  'DatabaseErrorFields',
])

function isSqlstate(name, { page }) {
  return page === 'errors' && !BASES.has(name)
}

function code(text) {
  return `\`${text.replaceAll('|', '\\|')}\``
}

function requiredCount({ parameters = [] }) {
  return parameters.filter(({ flags, defaultValue }) => !flags.isOptional && defaultValue === undefined).length
}

/** TypeDoc writes `[iterator]` for a method named by that symbol. */
function nameOf({ name }) {
  return name.replace(/^\[(\w+)\]$/, '[Symbol.$1]')
}

/** The text up to the first full stop or semicolon outside of code. */
function firstSentence(text) {
  const [sentence] = /^(?:`[^`]*`|\[[^\]]*\]\([^)]*\)|[^`.;]|[.;](?!\s|$))*/.exec(text)
  return `${sentence.replace(/[:,]$/, '')}.`
}

function lowerFirst(name) {
  return name[0].toLowerCase() + name.slice(1)
}

/** Writes a signature in one line if it fits, otherwise one line for each parameter. */
function wrapped(before, inner, after) {
  const line = before + inner + after
  if (line.length <= LINE_LENGTH || !before.endsWith('(')) return line
  return `${before}\n  ${splitTop(inner).join(',\n  ')},\n${after}`
}

/** Splits at the commas that no bracket surrounds. */
function splitTop(text) {
  const parts = ['']
  let depth = 0
  for (const [index, letter] of [...text].entries()) {
    if ('([{<'.includes(letter)) depth += 1
    if (')]}'.includes(letter) || (letter === '>' && text[index - 1] !== '=')) depth -= 1
    if (letter === ',' && depth === 0) parts.push('')
    else parts[parts.length - 1] += letter
  }
  return parts.map((part) => part.trim())
}

/** TypeDoc trims the first line and leaves the indent of the others. */
function dedented(text) {
  const [first, ...lines] = text.split('\n')
  const indents = lines.filter((line) => line.trim() !== '').map((line) => /^ */.exec(line)[0].length)
  const least = Math.min(...indents, first.startsWith(' ') ? /^ */.exec(first)[0].length : 99)
  return [first.trimStart(), ...lines.map((line) => line.slice(least))].join('\n')
}
