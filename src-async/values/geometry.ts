/**
 * The geometric values: points, and shapes made of them. Plain fields; `toString` prints as the server does.
 */

/** A coordinate's text. The sign of zero matters. */
function digits(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}

/** A `point`. */
export class Point {
  /** The first coordinate. */
  readonly x: number
  /** The second coordinate. */
  readonly y: number

  constructor(x: number, y: number) {
    this.x = x
    this.y = y
  }

  toString(): string {
    return `(${digits(this.x)},${digits(this.y)})`
  }
}

/** The line with the equation ax + by + c = 0. */
export class Line {
  /** The coefficient of x. */
  readonly a: number
  /** The coefficient of y. */
  readonly b: number
  /** The constant. */
  readonly c: number

  constructor(a: number, b: number, c: number) {
    this.a = a
    this.b = b
    this.c = c
  }

  toString(): string {
    return `{${digits(this.a)},${digits(this.b)},${digits(this.c)}}`
  }
}

/** An `lseg`: the part of a line between two points. */
export class LineSegment {
  /** One end. */
  readonly start: Point
  /** The other end. */
  readonly end: Point

  constructor(start: Point, end: Point) {
    this.start = start
    this.end = end
  }

  toString(): string {
    return `[${this.start},${this.end}]`
  }
}

/** A rectangle, given by its upper right and lower left corners. The server sorts the corners in this way. */
export class Box {
  /** The upper right corner. */
  readonly high: Point
  /** The lower left corner. */
  readonly low: Point

  constructor(high: Point, low: Point) {
    this.high = high
    this.low = low
  }

  toString(): string {
    return `${this.high},${this.low}`
  }
}

/** A `path`: points joined by lines, open or closed. */
export class Path {
  /** The points in their order. */
  readonly points: readonly Point[]
  /** Whether the last point is connected to the first. */
  readonly isClosed: boolean

  constructor(points: readonly Point[], isClosed: boolean) {
    this.points = points
    this.isClosed = isClosed
  }

  toString(): string {
    return this.isClosed ? `(${this.points.join(',')})` : `[${this.points.join(',')}]`
  }
}

/** A `polygon`. */
export class Polygon {
  /** The corners in their order. */
  readonly points: readonly Point[]

  constructor(points: readonly Point[]) {
    this.points = points
  }

  toString(): string {
    return `(${this.points.join(',')})`
  }
}

/** A `circle`. */
export class Circle {
  /** Its middle. */
  readonly center: Point
  /** Its radius. */
  readonly radius: number

  constructor(center: Point, radius: number) {
    this.center = center
    this.radius = radius
  }

  toString(): string {
    return `<${this.center},${digits(this.radius)}>`
  }
}
