/** Prints the driver's value classes as text in `console.log` and `console.table`: Node looks for a method by this symbol. */
const INSPECT = Symbol.for('nodejs.util.inspect.custom')

interface Styled {
  stylize?(text: string, style: string): string
}

/** Makes Node print instances of a class as their text, in the colour of dates, instead of their fields. */
// oxlint-disable-next-line typescript/no-unsafe-function-type -- any class, whatever its parameters.
export function printAsText(shown: Function): void {
  Object.defineProperty(shown.prototype, INSPECT, {
    configurable: true,
    writable: true,
    value(this: object, _depth: number, { stylize }: Styled = {}): string {
      const text = this instanceof Date && Number.isNaN(this.getTime()) ? 'Invalid Date' : String(this)
      return stylize === undefined ? text : stylize(text, 'date')
    },
  })
}
