/**
 * Keeps the API of both doors against the locks beside this file. A difference is not an error but a decision: look at it,
 * then accept it with `npm run api:update` and commit the lock with the change that caused it.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { describe, expect, test } from 'vitest'

import { describeSurface } from '../support/declarations.ts'

const emitted = fileURLToPath(new URL('../../dist/types', import.meta.url))

describe('the declarations of each door are those of its lock file', () => {
  test.each([
    ['syncpg', 'src-sync/index.d.ts', 'sync.lock'],
    ['syncpg/async', 'src-async/index.d.ts', 'async.lock'],
    ['syncpg/sqlite-shape', 'src-sync/sqlite-shape/index.d.ts', 'sqlite-shape.lock'],
  ])('%s', async (_name, door, lock) => {
    expect(existsSync(join(emitted, door)), `${door} is not built; run npm run build`).toBe(true)
    const surface = describeSurface(door, (path) => readFileSync(join(emitted, path), 'utf8'))
    await expect(surface).toMatchFileSnapshot(fileURLToPath(new URL(lock, import.meta.url)))
  })
})

describe('the description of a door', () => {
  const files: Record<string, string> = {
    'door.d.ts': `
/** The door. */
export { Thing, make as create } from './thing.ts';
export type { Options } from './options.ts';
export * from './errors.ts';
export declare const level: Level;
type Level = 'one' | 'two // not a comment';
`,
    'thing.d.ts': `
import type { Options } from './options.ts';
import { EventEmitter } from 'node:events';
import type { Unused } from './unused.ts';
export declare class Thing extends EventEmitter {
    #private;
    constructor(options: Options);
    part(): import("./parts.ts").Part;
}
export declare function make(name: string): Thing;
export declare function make(name: string, options: Options): Thing;
export declare function internal(): Unused;
`,
    'options.d.ts': `
export interface Options {
    readonly /* milliseconds */ timeoutMs?: Limit;
}
interface Limit {
    readonly most: number;
}
interface Hidden {
    readonly secret: string;
}
export {};
`,
    'errors.d.ts': 'export declare class Broken extends Error {\n}\n',
    'parts.d.ts': 'export type Part = { a: 1 };\n',
  }
  const describeDoor = (changed: Record<string, string> = {}): string =>
    describeSurface('door.d.ts', (path) => ({ ...files, ...changed })[path] ?? `missing ${path}`)

  test('lists the exports and all declarations that they refer to, and nothing else', () => {
    expect(describeDoor()).toBe(`exports:
  Broken
  Options
  Thing
  create
  level

from elsewhere:
  EventEmitter from 'node:events'

--- door.d.ts
type Level = 'one' | 'two // not a comment';
export declare const level: Level;

--- errors.d.ts
export declare class Broken extends Error {
}

--- options.d.ts
interface Limit {
    readonly most: number;
}
export interface Options {
    readonly  timeoutMs?: Limit;
}

--- parts.d.ts
export type Part = { a: 1 };

--- thing.d.ts
export declare class Thing extends EventEmitter {
    #private;
    constructor(options: Options);
    part(): import("./parts.ts").Part;
}
export declare function make(name: string): Thing;
export declare function make(name: string, options: Options): Thing;
`)
  })

  test('changes with a declaration that an export refers to', () => {
    const changed = describeDoor({ 'options.d.ts': files['options.d.ts']!.replace('most: number', 'most: bigint') })
    expect(changed).not.toBe(describeDoor())
  })

  test('does not change when internal declarations or comments change', () => {
    const thing = files['thing.d.ts']!.replace('internal()', 'renamed()')
    const options = files['options.d.ts']!.replace('milliseconds', 'in milliseconds')
    expect(describeDoor({ 'thing.d.ts': thing, 'options.d.ts': options })).toBe(describeDoor())
  })
})
