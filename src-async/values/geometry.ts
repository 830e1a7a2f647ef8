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

  /** @example con.fetchval('select %s::point', [new Point(1, 2)]) */
  constructor(x: number, y: number) {
    this.x = x
    this.y = y
  }

  /** @example String(new Point(1, 2)) // '(1,2)' */
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

  /** @example con.fetchval('select %s::line', [new Line(1, -1, 0)]) */
  constructor(a: number, b: number, c: number) {
    this.a = a
    this.b = b
    this.c = c
  }

  /** @example String(new Line(1, -1, 0)) // '{1,-1,0}' */
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

  /** @example con.fetchval('select %s::lseg', [new LineSegment(new Point(0, 0), new Point(1, 2))]) */
  constructor(start: Point, end: Point) {
    this.start = start
    this.end = end
  }

  /** @example String(new LineSegment(new Point(0, 0), new Point(1, 2))) // '[(0,0),(1,2)]' */
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

  /** @example con.fetchval('select %s::box', [new Box(new Point(3, 4), new Point(1, 2))]) */
  constructor(high: Point, low: Point) {
    this.high = high
    this.low = low
  }

  /** @example String(new Box(new Point(3, 4), new Point(1, 2))) // '(3,4),(1,2)' */
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

  /** @example con.fetchval('select %s::path', [new Path([new Point(0, 0), new Point(1, 2)], false)]) */
  constructor(points: readonly Point[], isClosed: boolean) {
    this.points = points
    this.isClosed = isClosed
  }

  /** @example String(new Path([new Point(0, 0), new Point(1, 2)], false)) // '[(0,0),(1,2)]' */
  toString(): string {
    return this.isClosed ? `(${this.points.join(',')})` : `[${this.points.join(',')}]`
  }
}

/** A `polygon`. */
export class Polygon {
  /** The corners in their order. */
  readonly points: readonly Point[]

  /** @example con.fetchval('select %s::polygon', [new Polygon([new Point(0, 0), new Point(1, 2), new Point(2, 0)])]) */
  constructor(points: readonly Point[]) {
    this.points = points
  }

  /** @example String(new Polygon([new Point(0, 0), new Point(1, 2), new Point(2, 0)])) // '((0,0),(1,2),(2,0))' */
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

  /** @example con.fetchval('select %s::circle', [new Circle(new Point(1, 2), 3)]) */
  constructor(center: Point, radius: number) {
    this.center = center
    this.radius = radius
  }

  /** @example String(new Circle(new Point(1, 2), 3)) // '<(1,2),3>' */
  toString(): string {
    return `<${this.center},${digits(this.radius)}>`
  }
}
