/**
 * The geometric values: points, and shapes made of them. Plain fields; `toString` prints as the server does.
 */

/** A coordinate's text. The sign of zero matters. */
function digits(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}

export class Point {
  readonly x: number
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
  readonly a: number
  readonly b: number
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

export class LineSegment {
  readonly start: Point
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
  readonly high: Point
  readonly low: Point

  constructor(high: Point, low: Point) {
    this.high = high
    this.low = low
  }

  toString(): string {
    return `${this.high},${this.low}`
  }
}

export class Path {
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

export class Polygon {
  readonly points: readonly Point[]

  constructor(points: readonly Point[]) {
    this.points = points
  }

  toString(): string {
    return `(${this.points.join(',')})`
  }
}

export class Circle {
  readonly center: Point
  readonly radius: number

  constructor(center: Point, radius: number) {
    this.center = center
    this.radius = radius
  }

  toString(): string {
    return `<${this.center},${digits(this.radius)}>`
  }
}
