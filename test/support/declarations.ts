/**
 * Reads the declarations of a door from the `.d.ts` files that the compiler emitted: the exported names, and all
 * declarations to which they lead, in whichever file. That text is the API. A test compares it with a stored copy.
 */
import { posix } from 'node:path'

import { removeComments } from './source-scanner.ts'

interface Declarations {
  /** Statements by the name they declare; several for overloads. */
  readonly byName: Map<string, string[]>
  /** The file and name behind an imported name; the name `*` means the whole module. */
  readonly imports: Map<string, { readonly from: string; readonly name: string }>
  /** The name behind an exported one: a local name, or a name in another file. */
  readonly exports: Map<string, { readonly from: string | undefined; readonly name: string }>
  readonly starExports: string[]
}

const DECLARES =
  /^(export )?(?:default )?(?:declare )?(?:abstract )?(?:class|interface|type|function|const|let|var|namespace|enum) ([\w$]+)/

/**
 * Describes the API of a door.
 * @param door path of its `.d.ts` file.
 * @param readSource gives the text of a `.d.ts` file by path.
 */
export function describeSurface(door: string, readSource: (path: string) => string): string {
  const files = new Map<string, Declarations>()
  const open = (path: string): Declarations => {
    const known = files.get(path)
    if (known) return known
    const declarations = readDeclarations(removeComments(readSource(path)))
    files.set(path, declarations)
    return declarations
  }
  const reached = new Map<string, Set<string>>()
  const outside = new Set<string>()
  const follow = (path: string, name: string): void => {
    const names = reached.get(path) ?? new Set()
    if (names.has(name)) return
    const file = open(path)
    const away = file.imports.get(name) ?? file.exports.get(name)
    if (!file.byName.has(name)) {
      if (away?.from !== undefined) followAway(path, away.from, away.name)
      else if (away && away.name !== name) follow(path, away.name)
      else for (const from of file.starExports) if (exportsName(from, path, name)) followAway(path, from, name)
      return
    }
    reached.set(path, names.add(name))
    for (const statement of file.byName.get(name) ?? []) {
      for (const [, from, part] of statement.matchAll(/import\("([^"]+)"\)\.([\w$]+)/g)) followAway(path, from!, part!)
      for (const word of statement.match(/[A-Za-z_$][\w$]*/g) ?? []) {
        if (file.byName.has(word) || file.imports.has(word)) follow(path, word)
      }
    }
  }
  const followAway = (path: string, from: string, name: string): void => {
    if (!from.startsWith('.')) outside.add(`${name} from '${from}'`)
    else if (name !== '*') follow(resolve(path, from), name)
    else for (const exported of open(resolve(path, from)).exports.keys()) follow(resolve(path, from), exported)
  }
  const exportsName = (from: string, path: string, name: string): boolean =>
    from.startsWith('.') && exportedNames(resolve(path, from), open).includes(name)

  const exported = exportedNames(door, open).sort()
  for (const name of exported) follow(door, name)
  return render(exported, outside, reached, open)
}

function exportedNames(path: string, open: (path: string) => Declarations): string[] {
  const file = open(path)
  const fromStars = file.starExports
    .filter((from) => from.startsWith('.'))
    .flatMap((from) => exportedNames(resolve(path, from), open))
  return [...new Set([...file.exports.keys(), ...fromStars])]
}

function render(
  exported: readonly string[],
  outside: ReadonlySet<string>,
  reached: ReadonlyMap<string, ReadonlySet<string>>,
  open: (path: string) => Declarations,
): string {
  const parts = [`exports:\n${exported.map((name) => `  ${name}\n`).join('')}`]
  if (outside.size > 0)
    parts.push(
      `from elsewhere:\n${[...outside]
        .sort()
        .map((line) => `  ${line}\n`)
        .join('')}`,
    )
  for (const path of [...reached.keys()].sort()) {
    const file = open(path)
    const statements = [...reached.get(path)!].sort().flatMap((name) => file.byName.get(name)!)
    parts.push(`--- ${path}\n${statements.join('\n')}\n`)
  }
  return parts.join('\n')
}

function readDeclarations(source: string): Declarations {
  const file: Declarations = { byName: new Map(), imports: new Map(), exports: new Map(), starExports: [] }
  // The compiler starts each statement in the first column and indents what belongs to it.
  for (const statement of source.split(/\n(?=[A-Za-z])/).map((text) => text.trimEnd())) {
    const from = /from ['"]([^'"]+)['"];?$/.exec(statement)?.[1]
    const listed = /^(import|export)(?: type)?(?: ([\w$]+),?)?(?: \{([^}]*)\})?/.exec(statement)
    const star = /^(import|export)(?: type)? \*(?: as ([\w$]+))?/.exec(statement)
    const declared = DECLARES.exec(statement)
    if (star && from !== undefined) {
      if (star[2] === undefined) file.starExports.push(from)
      else (star[1] === 'import' ? file.imports : file.exports).set(star[2], { from, name: '*' })
    } else if (declared && from === undefined) {
      const name = declared[2]!
      file.byName.set(name, [...(file.byName.get(name) ?? []), statement])
      if (declared[1]) file.exports.set(name, { from: undefined, name })
    } else if (listed && (from !== undefined || listed[3] !== undefined)) {
      if (listed[1] === 'import' && listed[2] !== undefined && from)
        file.imports.set(listed[2], { from, name: 'default' })
      for (const entry of (listed[3] ?? '').split(',')) addListed(file, listed[1] === 'import', from, entry)
    }
  }
  return file
}

function addListed(file: Declarations, isImport: boolean, from: string | undefined, entry: string): void {
  const words = entry
    .replace(/\btype\s+/, '')
    .trim()
    .split(/\s+as\s+/)
  const [name, alias = name] = words
  if (!name || alias === undefined) return
  if (!isImport) file.exports.set(alias, { from, name })
  else if (from !== undefined) file.imports.set(alias, { from, name })
}

function resolve(path: string, specifier: string): string {
  return posix.join(posix.dirname(path), specifier).replace(/(\.d)?\.[jt]s$/, '.d.ts')
}
