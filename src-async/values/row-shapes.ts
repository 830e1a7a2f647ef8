/**
 * Makes the classes of rows. There is one for each list of column names, cached, so that equal queries return rows of one
 * class, and V8 sees one hidden class. The constructor is generated where that is allowed. Otherwise, and for very wide rows,
 * a loop sets the properties. Both make the same objects.
 */
import { describeValue } from '../errors/describe-value.ts'
import { DataError, ProgrammingError } from '../errors/tree.ts'
import { canGenerateCode } from './code-generation.ts'
import { HIDDEN, LAYOUT, Record, setOwn, type Row, type RowLayout } from './record.ts'
import type { ResultTypes } from './call-types.ts'
import type { Column } from '../wire/row-sink.ts'

/** How rows are made: one of the names, or a function that takes the columns and returns a function of the values. */
export type RowFactory<T = unknown> =
  | 'record'
  | 'array'
  | 'object'
  | ((columns: readonly Column[]) => (values: unknown[]) => T)

/** A class of rows that extends `Record`; a query with the option `recordClass` gives instances of it. */
export type RecordClass = new () => Record

export interface RowShapeOptions {
  readonly rowFactory?: RowFactory | undefined
  /** A subclass of Record; only with the row factory 'record'. */
  readonly recordClass?: RecordClass | undefined
  /** 'error' refuses results in which a column name occurs twice. */
  readonly duplicates?: 'last' | 'error' | undefined
  /** The forms of values, when they differ from the connection's. */
  readonly types?: ResultTypes | undefined
}

export interface RowShape {
  /** Makes a row; may keep the array. */
  make(values: unknown[]): Row
  /**
   * For generated decoders: returns the source of an expression that makes a row, in which `shape` stands for `binding`.
   * null when only `make` can make rows.
   */
  readonly expression: ((values: readonly string[]) => string) | null
  readonly binding: unknown
}

const MOST_SHAPES = 500
/** Beyond this number V8 keeps an object's properties in a dictionary, and generated code has no advantage. */
const MOST_GENERATED_COLUMNS = 1000

const shapesOfClasses = new WeakMap<RecordClass, Map<string, RowShape>>()

/** The shape for a result's columns. @throws ProgrammingError for wrong options, DataError for refused duplicates. */
export function shapeFor(columns: readonly Column[], options: RowShapeOptions = {}): RowShape {
  const { rowFactory = 'record', recordClass = Record, duplicates = 'last' } = options
  const names = columns.map((column) => column.name)
  if (duplicates === 'error') refuseDuplicates(names)
  if (typeof rowFactory === 'function') {
    const make = rowFactory(columns)
    if (typeof make !== 'function') {
      throw new ProgrammingError('a row factory takes the columns and must return a function of the values')
    }
    return { make: make as (values: unknown[]) => Row, expression: null, binding: null }
  }
  if (rowFactory === 'array') return ARRAY_SHAPE
  if (rowFactory === 'object') return objectShape(names)
  if (rowFactory !== 'record') {
    throw new ProgrammingError(
      `rowFactory: expected 'record', 'array', 'object' or a function, got ${describeValue(rowFactory)}`,
    )
  }
  return recordShape(names, recordClass)
}

/** Whether rows can be made this way for any columns, so that no check must come before the rows are requested. */
export function fitsAnyColumns({ rowFactory = 'record', recordClass, duplicates }: RowShapeOptions): boolean {
  return ANY_COLUMNS.has(rowFactory) && recordClass === undefined && duplicates !== 'error'
}

const ANY_COLUMNS: ReadonlySet<unknown> = new Set(['record', 'array', 'object'])

function refuseDuplicates(names: readonly string[]): void {
  const twice = names.find((name, position) => names.indexOf(name) !== position)
  if (twice !== undefined) throw new DataError(`the column name "${twice}" occurs twice; give one an alias`)
}

const ARRAY_SHAPE: RowShape = {
  make: (values) => values as unknown as Row,
  expression: (values) => `[${values.join(', ')}]`,
  binding: null,
}

function objectShape(names: readonly string[]): RowShape {
  return {
    make(values) {
      const object = {}
      for (let i = 0; i < names.length; i += 1) setOwn(object, names[i] ?? '', values[i])
      return object as Row
    },
    // With a computed key, `__proto__` is an ordinary property.
    expression: (values) => `{${values.map((value, i) => `[${quote(names[i] ?? '')}]: ${value}`).join(', ')}}`,
    binding: null,
  }
}

function recordShape(names: readonly string[], base: RecordClass): RowShape {
  let shapes = shapesOfClasses.get(base)
  if (shapes === undefined) {
    if (base !== Record && !(typeof base === 'function' && base.prototype instanceof Record)) {
      throw new ProgrammingError(`recordClass: expected a subclass of Record, got ${describeValue(base)}`)
    }
    shapes = new Map()
    shapesOfClasses.set(base, shapes)
  }
  // Column names cannot contain NUL, so the key is unambiguous.
  const key = `${names.length}\0${names.join('\0')}`
  const known = shapes.get(key)
  if (known !== undefined) {
    // The entry moves to the end, so that the first one is the least recently used.
    shapes.delete(key)
    shapes.set(key, known)
    return known
  }
  const shape = makeRecordShape(names, base)
  shapes.set(key, shape)
  if (shapes.size > MOST_SHAPES) {
    const oldest = shapes.keys().next()
    if (!oldest.done) shapes.delete(oldest.value)
  }
  return shape
}

function layoutFor(names: readonly string[]): RowLayout {
  const positions = new Map<string, number>()
  names.forEach((name, position) => positions.set(name, position))
  const properties: (string | null)[] = []
  const hidden: number[] = []
  let hiddenCount = 0
  names.forEach((name, position) => {
    const isShadowed = positions.get(name) !== position
    // A name such as "1" would hide the accessor of that position.
    const isOtherPosition = /^(0|[1-9]\d*)$/.test(name) && Number(name) < names.length && Number(name) !== position
    const isHidden = isShadowed || isOtherPosition
    properties.push(isHidden ? null : name)
    hidden.push(isHidden ? hiddenCount : -1)
    if (isHidden) hiddenCount += 1
  })
  return { names, properties, hidden, positions }
}

function makeRecordShape(names: readonly string[], base: RecordClass): RowShape {
  const layout = layoutFor(names)
  const isGenerated = canGenerateCode && names.length <= MOST_GENERATED_COLUMNS
  const shapeClass = isGenerated ? generateClass(layout, base) : loopClass(layout, base)
  Object.defineProperty(shapeClass, 'name', { value: base.name, configurable: true })
  const prototype = shapeClass.prototype as object
  Object.defineProperty(prototype, LAYOUT, { value: layout })
  for (let position = 0; position < names.length; position += 1) {
    Object.defineProperty(prototype, position, {
      get(this: Record) {
        return Record.at(this, position)
      },
      configurable: true,
    })
  }
  if (isGenerated) {
    const generated = shapeClass as unknown as new (...values: unknown[]) => Row
    return {
      make: (values) => new generated(...values),
      expression: (values) => `new shape(${values.join(', ')})`,
      binding: generated,
    }
  }
  const looped = shapeClass as unknown as new (values: unknown[]) => Row
  return {
    make: (values) => new looped(values),
    expression: (values) => `new shape([${values.join(', ')}])`,
    binding: looped,
  }
}

function quote(name: string): string {
  return JSON.stringify(name)
}

/** Whether a plain assignment would not create an own property, because of an inherited accessor or constant. */
function needsDefinition(property: string, base: RecordClass, count: number): boolean {
  // The accessors of positions are defined later than this check.
  if (/^(0|[1-9]\d*)$/.test(property) && Number(property) < count) return true
  for (
    let object: object | null = base.prototype;
    object !== null;
    object = Object.getPrototypeOf(object) as object | null
  ) {
    const found = Object.getOwnPropertyDescriptor(object, property)
    if (found !== undefined) return found.writable !== true
  }
  return false
}

/** A class field called `constructor` needs a computed name. */
function fieldName(property: string): string {
  return property === 'constructor' ? `['constructor']` : quote(property)
}

function hiddenPositions(layout: RowLayout): number[] {
  return layout.hidden.flatMap((slot, position) => (slot < 0 ? [] : [position]))
}

function generateClass(layout: RowLayout, base: RecordClass): RecordClass {
  const { properties, names } = layout
  const parameters = names.map((_, position) => `v${position}`)
  const own = properties.filter((property) => property !== null)
  // Declared fields are created whatever is inherited, and then assigned. That doubles the stores; calling defineProperty
  // would cost ten times as much.
  const isDeclared = own.some((property) => needsDefinition(property, base, names.length))
  const fields = isDeclared ? own.map((property) => `${fieldName(property)};`).join(' ') : ''
  const lines = properties.map((property, position) =>
    property === null ? '' : `this[${quote(property)}] = v${position}`,
  )
  const hidden = hiddenPositions(layout)
  if (hidden.length > 0) lines.push(`hide(this, [${hidden.map((position) => `v${position}`).join(', ')}])`)
  const reads = properties.map((property, position) =>
    property === null ? `this[HIDDEN][${layout.hidden[position]}]` : `this[${quote(property)}]`,
  )
  const source = `return class extends Base {
  ${fields}
  constructor(${parameters.join(', ')}) { super(); ${lines.join('; ')} }
  [Symbol.iterator]() { return [${reads.join(', ')}][Symbol.iterator]() }
}`
  return new Function('Base', 'hide', 'HIDDEN', source)(base, hide, HIDDEN) as RecordClass
}

function loopClass(layout: RowLayout, base: RecordClass): RecordClass {
  const { properties, names } = layout
  const hidden = hiddenPositions(layout)
  const mustDefine = properties.map((property) => property !== null && needsDefinition(property, base, names.length))
  return class extends base {
    constructor(values: readonly unknown[] = []) {
      super()
      for (let i = 0; i < properties.length; i += 1) {
        const property = properties[i]
        if (property === null || property === undefined) continue
        if (mustDefine[i]) define(this, property, values[i])
        else (this as unknown as { [column: string]: unknown })[property] = values[i]
      }
      if (hidden.length > 0)
        hide(
          this,
          hidden.map((position) => values[position]),
        )
    }
  }
}

function define(row: object, property: string, value: unknown): void {
  Object.defineProperty(row, property, { value, enumerable: true, writable: true, configurable: true })
}

function hide(row: object, values: readonly unknown[]): void {
  Object.defineProperty(row, HIDDEN, { value: values })
}
