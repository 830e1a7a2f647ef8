/**
 * Checks the imports of the sources against the table in docs/architecture.md: reads the table, finds the imports of a
 * TypeScript file without running or compiling it, and reports those that break a rule or close a cycle. All rules come
 * from the page.
 */
import { posix } from 'node:path'

import { maskSource } from './source-scanner.ts'

/** One row of the table. */
export interface Room {
  readonly name: string
  /**
   * `folder/` means all files below it, `folder/*.ts` the files directly in it. A path without a pattern is one file.
   */
  readonly files: readonly string[]
  readonly imports: readonly string[]
  readonly typesOf: readonly string[]
  readonly loads: readonly string[]
}

/** An import as written. */
export interface Import {
  readonly specifier: string
  /** True if the compiler removes the import. */
  readonly isTypeOnly: boolean
  readonly line: number
}

/** Sources by path from the project's root, with forward slashes. */
export type SourceTree = ReadonlyMap<string, string>

/** Reads the table: the first one of the page with the columns room, files, imports, types of and loads. */
export function readImportTable(markdown: string): Room[] {
  const lines = markdown.split('\n')
  const start = lines.findIndex((line) =>
    /^\|\s*room\s*\|\s*files\s*\|\s*imports\s*\|\s*types of\s*\|\s*loads\s*\|/.test(line),
  )
  if (start < 0)
    throw new Error('no import table found: its head must read | room | files | imports | types of | loads |')
  const rooms: Room[] = []
  for (const line of lines.slice(start + 2)) {
    if (!line.startsWith('|')) break
    const [name, files, imports, typesOf, loads] = line.split('|').slice(1).map(cellWords)
    if (!name || !files?.length || !imports || !typesOf || !loads)
      throw new Error(`not a row of the import table: ${line}`)
    rooms.push({ name: name.join('-'), files, imports, typesOf, loads })
  }
  for (const room of rooms) {
    for (const target of [...room.imports, ...room.typesOf]) {
      const isKnown = target.includes('/') || rooms.some((other) => other.name === target)
      if (!isKnown) throw new Error(`the import table lets ${room.name} import "${target}", which is no room of it`)
    }
  }
  return rooms
}

/** Finds the imports of a source: static, re-exporting, for effect, and dynamic ones with a plain string. */
export function findImports(source: string): Import[] {
  const { masked, strings } = maskSource(source)
  const patterns: [RegExp, (match: RegExpExecArray) => boolean][] = [
    [
      /\b(?:import|export)\s+(type\b(?!\s*(?:from\b|,)))?[\w\s{},*$]*?\bfrom\s*(?=§)/g,
      (match) => match[1] !== undefined,
    ],
    [/\bimport\s*(?=§)/g, () => false],
    [/(\btypeof\s+)?(?<![#.\w])(?:import|require)\s*\(\s*(?=§)/g, (match) => match[1] !== undefined],
  ]
  const found: (Import & { readonly offset: number })[] = []
  for (const [pattern, isTypeOnly] of patterns) {
    for (const match of masked.matchAll(pattern)) {
      const offset = match.index + match[0].length
      const specifier = strings.get(offset)
      if (specifier === undefined) continue
      const line = source.slice(0, match.index).split('\n').length
      found.push({ specifier, isTypeOnly: isTypeOnly(match), line, offset })
    }
  }
  return found
    .sort((a, b) => a.offset - b.offset)
    .map(({ specifier, isTypeOnly, line }) => ({ specifier, isTypeOnly, line }))
}

/** Returns a sentence for each import of the tree that breaks a rule. */
export function findViolations(tree: SourceTree, rooms: readonly Room[]): string[] {
  const violations: string[] = []
  for (const [path, source] of tree) {
    const room = roomOf(path, rooms)
    if (!room) {
      violations.push(`${path}: belongs to no room of the table`)
      continue
    }
    for (const found of findImports(source)) {
      const place = `${path}:${found.line}`
      if (!found.specifier.startsWith('.')) {
        if (!found.isTypeOnly && !room.loads.some((allowed) => matchesModule(allowed, found.specifier))) {
          violations.push(`${place}: ${room.name} may not load ${found.specifier}`)
        }
        continue
      }
      const target = posix.join(posix.dirname(path), found.specifier)
      if (!tree.has(target)) violations.push(`${place}: ${found.specifier} is no source file`)
      else if (!isAllowed(room, target, found.isTypeOnly, rooms)) {
        const isTypeAllowed = isAllowed(room, target, true, rooms)
        violations.push(`${place}: ${room.name} may ${isTypeAllowed ? 'import only types of' : 'not import'} ${target}`)
      }
    }
  }
  return violations
}

/** Finds groups of files that import each other in a circle, type imports included; each group sorted. */
export function findCycles(tree: SourceTree): string[][] {
  const edges = new Map<string, string[]>()
  for (const [path, source] of tree) {
    const targets = findImports(source).map(({ specifier }) => posix.join(posix.dirname(path), specifier))
    edges.set(
      path,
      targets.filter((target) => tree.has(target)),
    )
  }
  return stronglyConnected(edges).filter((group) => group.length > 1 || edges.get(group[0]!)!.includes(group[0]!))
}

/** The room of a file: of all rows that match, the one with the longest pattern. */
export function roomOf(path: string, rooms: readonly Room[]): Room | undefined {
  let best: { room: Room; length: number } | undefined
  for (const room of rooms) {
    for (const pattern of room.files) {
      if (matchesFile(pattern, path) && pattern.length > (best?.length ?? 0)) best = { room, length: pattern.length }
    }
  }
  return best?.room
}

function isAllowed(room: Room, target: string, isTypeOnly: boolean, rooms: readonly Room[]): boolean {
  const targetRoom = roomOf(target, rooms)
  if (targetRoom === room) return true
  const allowed = isTypeOnly ? [...room.imports, ...room.typesOf] : room.imports
  return allowed.includes(target) || (targetRoom !== undefined && allowed.includes(targetRoom.name))
}

function matchesFile(pattern: string, path: string): boolean {
  if (pattern.endsWith('/')) return path.startsWith(pattern)
  if (pattern.endsWith('/*.ts')) return posix.dirname(path) === posix.dirname(pattern) && path.endsWith('.ts')
  return path === pattern
}

function matchesModule(allowed: string, specifier: string): boolean {
  if (allowed.endsWith('*')) return specifier.startsWith(allowed.slice(0, -1))
  return specifier === allowed || specifier.startsWith(`${allowed}/`)
}

function cellWords(cell: string): string[] {
  return cell
    .replaceAll('`', ' ')
    .split(/\s+/)
    .filter((word) => word !== '')
}

// Tarjan's algorithm. The recursion is at most as deep as the number of files.
function stronglyConnected(edges: ReadonlyMap<string, readonly string[]>): string[][] {
  const order = new Map<string, number>()
  const lowest = new Map<string, number>()
  const stack: string[] = []
  const onStack = new Set<string>()
  const groups: string[][] = []
  const visit = (node: string): void => {
    order.set(node, order.size)
    lowest.set(node, order.get(node)!)
    stack.push(node)
    onStack.add(node)
    for (const target of edges.get(node) ?? []) {
      if (!order.has(target)) visit(target)
      if (onStack.has(target)) lowest.set(node, Math.min(lowest.get(node)!, lowest.get(target)!))
    }
    if (lowest.get(node) !== order.get(node)) return
    const group = stack.splice(stack.indexOf(node))
    for (const member of group) onStack.delete(member)
    groups.push(group.sort())
  }
  for (const node of edges.keys()) if (!order.has(node)) visit(node)
  return groups
}
