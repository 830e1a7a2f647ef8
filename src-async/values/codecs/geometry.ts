/**
 * The geometric types. On the wire: several float8s; paths and polygons have the number of points first. Takes the
 * classes of geometry.ts, objects with the same fields, and arrays; an array of points is an open path. Source of
 * truth: src/backend/utils/adt/geo_ops.c.
 */
import { DataError } from '../../errors/tree.ts'
import { expected, unreadable } from '../../errors/describe-value.ts'
import { Box, Circle, Line, LineSegment, Path, Point, Polygon } from '../geometry.ts'
import { leaveToServer } from '../text-for-server.ts'
import type { ByteReader } from '../../bytes/byte-reader.ts'
import type { ByteWriter } from '../../bytes/byte-writer.ts'
import type { Codec } from '../codec.ts'

const POINT_BYTES = 16

type Fields = Readonly<{ [field: string]: unknown }>

/** The named fields of an object, or the elements of an array with as many; null for other values. */
function partsOf(value: unknown, ...names: string[]): unknown[] | null {
  if (Array.isArray(value)) return value.length === names.length ? value : null
  if (typeof value !== 'object' || value === null) return null
  const parts = names.map((name) => (value as Fields)[name])
  return parts.includes(undefined) ? null : parts
}

function writeNumbers(out: ByteWriter, numbers: readonly unknown[] | null, typeName: string, value: unknown): void {
  if (numbers === null) throw expected('its fields', typeName, value)
  for (const number of numbers) {
    if (typeof number !== 'number') throw expected('numbers', typeName, value)
    out.float64(number)
  }
}

function writePoint(out: ByteWriter, point: unknown, typeName: string, value: unknown): void {
  writeNumbers(out, partsOf(point, 'x', 'y'), typeName, value)
}

function writePoints(out: ByteWriter, points: unknown, typeName: string, value: unknown): void {
  if (!Array.isArray(points)) throw expected('a list of points', typeName, value)
  out.int32(points.length)
  for (const point of points as unknown[]) writePoint(out, point, typeName, value)
}

function readPoint(input: ByteReader): Point {
  const x = input.float64()
  return new Point(x, input.float64())
}

function readPoints(input: ByteReader, typeName: string): Point[] {
  const count = input.int32()
  if (count < 0 || count * POINT_BYTES > input.remaining) {
    throw new DataError(`cannot read ${typeName}: ${count} points claimed in ${input.remaining} bytes`)
  }
  const points: Point[] = []
  for (let i = 0; i < count; i += 1) points.push(readPoint(input))
  return points
}

/** All numbers of a geometric literal: `wanted` of them; null allows any even number. */
function numbersOf(text: string, typeName: string, wanted: number | null): number[] {
  const numbers = (text.match(/[^(){}[\]<>,\s]+/g) ?? []).map(Number)
  const isRight = wanted === null ? numbers.length % 2 === 0 : numbers.length === wanted
  // NaN is a valid coordinate, but only when the text contains that word.
  const isOdd = numbers.some(Number.isNaN) && !text.includes('NaN')
  if (!isRight || isOdd) throw unreadable(typeName, text)
  return numbers
}

function pointsOf(text: string, typeName: string): Point[] {
  const numbers = numbersOf(text, typeName, null)
  return Array.from({ length: numbers.length / 2 }, (_, i) => new Point(numbers[i * 2]!, numbers[i * 2 + 1]!))
}

export const point: Codec<Point> = {
  name: 'point',
  format: 1,
  encode(out, value) {
    if (typeof value === 'string') leaveToServer(value, 'point')
    writePoint(out, value, 'point', value)
  },
  decode: readPoint,
  decodeText(text) {
    const [x, y] = numbersOf(text, 'point', 2)
    return new Point(x!, y!)
  },
}

export const line: Codec<Line> = {
  name: 'line',
  format: 1,
  encode(out, value) {
    if (typeof value === 'string') leaveToServer(value, 'line')
    writeNumbers(out, partsOf(value, 'a', 'b', 'c'), 'line', value)
  },
  decode(input) {
    const a = input.float64()
    const b = input.float64()
    return new Line(a, b, input.float64())
  },
  decodeText(text) {
    const [a, b, c] = numbersOf(text, 'line', 3)
    return new Line(a!, b!, c!)
  },
}

export const lseg: Codec<LineSegment> = {
  name: 'lseg',
  format: 1,
  encode(out, value) {
    if (typeof value === 'string') leaveToServer(value, 'lseg')
    const ends = partsOf(value, 'start', 'end')
    if (ends === null) throw expected('two points', 'lseg', value)
    for (const end of ends) writePoint(out, end, 'lseg', value)
  },
  decode(input) {
    const start = readPoint(input)
    return new LineSegment(start, readPoint(input))
  },
  decodeText(text) {
    numbersOf(text, 'lseg', 4)
    const [start, end] = pointsOf(text, 'lseg')
    return new LineSegment(start!, end!)
  },
}

export const box: Codec<Box> = {
  name: 'box',
  format: 1,
  encode(out, value) {
    if (typeof value === 'string') leaveToServer(value, 'box')
    const corners = partsOf(value, 'high', 'low')
    if (corners === null) throw expected('two points', 'box', value)
    for (const corner of corners) writePoint(out, corner, 'box', value)
  },
  decode(input) {
    const high = readPoint(input)
    return new Box(high, readPoint(input))
  },
  decodeText(text) {
    numbersOf(text, 'box', 4)
    const [high, low] = pointsOf(text, 'box')
    return new Box(high!, low!)
  },
}

export const path: Codec<Path> = {
  name: 'path',
  format: 1,
  encode(out, value) {
    if (typeof value === 'string') leaveToServer(value, 'path')
    const isBare = Array.isArray(value)
    const isClosed = !isBare && (value as Path | null)?.isClosed === true
    out.uint8(isClosed ? 1 : 0)
    writePoints(out, isBare ? value : (value as Path | null)?.points, 'path', value)
  },
  decode(input) {
    const isClosed = input.uint8() !== 0
    return new Path(readPoints(input, 'path'), isClosed)
  },
  decodeText(text) {
    return new Path(pointsOf(text, 'path'), text.startsWith('('))
  },
}

export const polygon: Codec<Polygon> = {
  name: 'polygon',
  format: 1,
  encode(out, value) {
    if (typeof value === 'string') leaveToServer(value, 'polygon')
    writePoints(out, Array.isArray(value) ? value : (value as Polygon | null)?.points, 'polygon', value)
  },
  decode(input) {
    return new Polygon(readPoints(input, 'polygon'))
  },
  decodeText(text) {
    return new Polygon(pointsOf(text, 'polygon'))
  },
}

export const circle: Codec<Circle> = {
  name: 'circle',
  format: 1,
  encode(out, value) {
    if (typeof value === 'string') leaveToServer(value, 'circle')
    const parts = partsOf(value, 'center', 'radius')
    if (parts === null) throw expected('a center and a radius', 'circle', value)
    writePoint(out, parts[0], 'circle', value)
    writeNumbers(out, [parts[1]], 'circle', value)
  },
  decode(input) {
    const center = readPoint(input)
    return new Circle(center, input.float64())
  },
  decodeText(text) {
    const [x, y, radius] = numbersOf(text, 'circle', 3)
    return new Circle(new Point(x!, y!), radius!)
  },
}
