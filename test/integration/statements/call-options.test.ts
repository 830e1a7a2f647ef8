/**
 * Every method with options refuses an unknown option, and its hint names the nearest one. The test reads the methods
 * and their options from the declarations, so it covers methods that are added later.
 */
import { inspect } from 'node:util'

import * as blocking from 'syncpg'
import * as asynchronous from 'syncpg/async'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { type Door, type Signature, readDoor } from '../../support/door-members.ts'
import { sharedServer } from '../../support/shared-server.ts'
import { failureOrNull } from '../../support/failure-of.ts'

/** The names of parameters for options. */
const OPTIONS = ['options', 'sizes']

/** The arguments for the parameters before the options. */
const given: Record<string, unknown> = {
  sql: 'select 1',
  query: 'select 1',
  text: 'select 1',
  values: [],
  given: [],
  parameters: [],
  elements: [[]],
  column: 0,
  value: 1,
  count: 1,
  table: 'nosuch',
  typeName: 'int4',
  style: 'qmark',
  name: 'some_cursor',
  dsn: 'postgres://localhost:1/nosuch',
  fn: () => Promise.resolve(),
  logger: () => {},
}

interface Case {
  readonly name: string
  readonly signature: Signature
  readonly options: readonly string[]
}

/** The overload with the most options of each method that has any. */
function casesOf(door: Door, methods: Iterable<readonly [string, readonly Signature[]]>): Case[] {
  const cases: Case[] = []
  for (const [name, signatures] of methods) {
    const found = signatures
      .filter(({ parameters }) => parameters.some((each) => OPTIONS.includes(each.name)))
      .map((signature) => {
        const type = signature.parameters.find((each) => OPTIONS.includes(each.name))?.type ?? ''
        return { name, signature, options: [...door.optionsOf(type).keys()] }
      })
      .filter(({ options }) => options.length > 0)
      .toSorted((one, other) => other.options.length - one.options.length)
    if (found[0] !== undefined) cases.push(found[0])
  }
  return cases
}

function classCases(door: Door, name: string): Case[] {
  const methods = [...(door.membersOf(name) ?? [])].map(([method, { signatures }]) => [method, signatures] as const)
  return casesOf(door, methods)
}

/** An option with a letter missing. */
function misspelled(options: readonly string[]): { wrong: string; meant: string } {
  const meant = options.toSorted((one, other) => other.length - one.length)[0] as string
  return { wrong: meant.slice(0, -2) + meant.slice(-1), meant }
}

async function expectRefusal(target: unknown, { name, signature, options }: Case): Promise<void> {
  const { wrong, meant } = misspelled(options)
  const args = signature.parameters.map((parameter) => {
    if (OPTIONS.includes(parameter.name)) return { [wrong]: 1 }
    if (parameter.name in given) return given[parameter.name]
    return parameter.name === 'connection' ? target : expect.fail(`no value for the parameter ${parameter.name}`)
  })
  const method = (typeof target === 'function' ? target : Reflect.get(target as object, name)) as () => unknown
  const error = (await failureOrNull(() => Reflect.apply(method, target, args))) as asynchronous.DbError
  expect(error).toBeInstanceOf(asynchronous.ProgrammingError)
  expect([error.message.split('\n')[0], error.hint]).toEqual([
    expect.stringMatching(new RegExp(`: unknown option "${wrong}"|\\(\\): unknown option "${wrong}"`)),
    `did you mean ${meant}?`,
  ])
  const isOptional = signature.parameters.find((each) => OPTIONS.includes(each.name))?.isOptional === true
  // Options of connections may be null, as those of connect().
  if (!isOptional || typeof target === 'function' || name === 'setConnectArgs') return
  const nothing = args.map((argument, index) =>
    OPTIONS.includes(signature.parameters[index]?.name ?? '') ? null : argument,
  )
  const other = await failureOrNull(() => Reflect.apply(method, target, nothing))
  expect(other).toBeInstanceOf(asynchronous.ProgrammingError)
}

/** Values of each type that an option may have, for options whose type is not their own. */
const samples: Readonly<Record<string, unknown>> = {
  number: 5,
  string: 'nosuch',
  boolean: true,
  object: new Error('odd'),
  null: null,
  symbol: Symbol('odd'),
}

/** The types that an option accepts. Others accept none of the samples. */
const accepted: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(['timeout', 'commandTimeout'].map((name) => [name, ['number', 'null']])),
  ...Object.fromEntries(
    ['prepare', 'analyze', 'text', 'returning', 'scroll', 'hold', 'scrollable', 'args', 'readOnly', 'deferrable'].map(
      (name) => [name, ['boolean']],
    ),
  ),
  ...Object.fromEntries(
    [
      'inOrder',
      'awaitReset',
      'raw',
      'header',
      'freeze',
      'standardConformingStrings',
      'hasParameters',
      'forceQuote',
    ].map((name) => [name, ['boolean']]),
  ),
  ...Object.fromEntries(
    ['delimiter', 'null', 'quote', 'escape', 'encoding', 'default', 'schema', 'where', 'name', 'codecName'].map(
      (name) => [name, ['string']],
    ),
  ),
  ...Object.fromEntries(['itersize', 'prefetch', 'size', 'stopAfter', 'retries'].map((name) => [name, ['number']])),
  // As in the options of createPool, null means that the program sets no size.
  minSize: ['number', 'null'],
  maxSize: ['number', 'null'],
  onProgress: ['null'],
  format: ['string'],
  onError: ['string'],
  types: ['object'],
  // A path, or in the blocking API a file descriptor.
  source: ['string', 'number'],
  output: ['string', 'number'],
}

/** The options of connections have messages of their own, which test/unit/options tests. */
const CONNECTING: ReadonlySet<string> = new Set(['connect', 'createPool', 'listen', 'withConnection', 'setConnectArgs'])

/** Values of other types for each option, and objects that are not plain. */
async function expectOwnTypes(target: unknown, { name, signature, options }: Case): Promise<void> {
  const method = (typeof target === 'function' ? target : Reflect.get(target as object, name)) as () => unknown
  const messageFor = async (passed: unknown): Promise<unknown> => {
    const args = signature.parameters.map((parameter) => {
      if (OPTIONS.includes(parameter.name)) return passed
      return parameter.name === 'connection' ? target : given[parameter.name]
    })
    const error = await failureOrNull(() => Reflect.apply(method, target, args))
    return error instanceof asynchronous.ProgrammingError ? error.message : String(error)
  }
  const faults: string[] = []
  const own = name.replace(/^query/, '(?:addQ|q)uery')
  for (const option of options) {
    for (const [type, value] of Object.entries(samples)) {
      if (accepted[option]?.includes(type) === true) continue
      const message = String(await messageFor({ [option]: value }))
      if (!new RegExp(`${own}.*${option}`).test(message.split('\n')[0] ?? '')) {
        faults.push(`${option}: ${type}: ${message}`)
      }
    }
  }
  for (const passed of [[], new Map(), Object.create({ timeout: 5 }), new Error('odd')]) {
    const message = String(await messageFor(passed))
    if (!message.includes('expected')) faults.push(`${inspect(passed)}: ${message}`)
  }
  expect(faults).toEqual([])
}

function describeDoor(
  title: string,
  door: Door,
  functions: object,
  instances: ReadonlyMap<string, () => unknown>,
): void {
  describe(`${title}`, () => {
    test('an instance of each class that has methods with options is tested', () => {
      const classes = door.classes.filter((each) => classCases(door, each).length > 0)
      expect([...instances.keys()].toSorted()).toEqual(classes.toSorted())
    })

    for (const [className, instance] of instances) {
      test.each(classCases(door, className))(`${className}.$name refuses an unknown option`, async (each) => {
        await expectRefusal(instance(), each)
      })
      const typed = classCases(door, className).filter(({ name }) => !CONNECTING.has(name))
      test.each(typed)(`${className}.$name refuses options of another type`, async (each) => {
        await expectOwnTypes(instance(), each)
      })
    }

    test.each(casesOf(door, door.functions))('$name refuses an unknown option', async (each) => {
      await expectRefusal(Reflect.get(functions, each.name), each)
    })

    const others = casesOf(door, door.functions).filter(({ name }) => !CONNECTING.has(name))
    test.each(others)('$name refuses options of another type', async (each) => {
      await expectOwnTypes(Reflect.get(functions, each.name), each)
    })
  })
}

let con: blocking.Connection
let statement: blocking.PreparedStatement
let asyncCon: asynchronous.Connection
let asyncStatement: asynchronous.PreparedStatement
let cursor: asynchronous.Cursor
let pool: asynchronous.Pool
let pipeline: asynchronous.Pipeline
let endPipeline: () => void
let pipelined: Promise<void>

beforeAll(async () => {
  const dsn = sharedServer().dsn()
  con = blocking.connect(dsn)
  statement = con.prepare('select 1')
  asyncCon = await asynchronous.connect(dsn)
  await asyncCon.transaction().start()
  asyncStatement = await asyncCon.prepare('select 1')
  cursor = await asyncCon.cursor('select 1').open()
  pool = await asynchronous.createPool(dsn, { minSize: 0 })
  const other = await asynchronous.connect(dsn)
  const over = new Promise<void>((resolve) => {
    endPipeline = resolve
  })
  await new Promise<void>((isOpen) => {
    pipelined = other
      .pipeline((open) => {
        pipeline = open
        isOpen()
        return over
      })
      .then(() => other.close())
  })
})

afterAll(async () => {
  endPipeline()
  con.close()
  await Promise.all([pipelined, asyncCon.close(), pool.close()])
})

describeDoor(
  'syncpg',
  readDoor('src-sync/index.d.ts'),
  blocking,
  new Map<string, () => unknown>([
    ['Connection', () => con],
    ['Cursor', () => con.cursor()],
    ['PreparedStatement', () => statement],
  ]),
)

describeDoor(
  'syncpg/async',
  readDoor('src-async/index.d.ts'),
  asynchronous,
  new Map<string, () => unknown>([
    ['Connection', () => asyncCon],
    ['Cursor', () => cursor],
    ['Pipeline', () => pipeline],
    ['Pool', () => pool],
    ['PreparedStatement', () => asyncStatement],
  ]),
)
