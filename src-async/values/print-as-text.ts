/** How values of our own classes print: Node's inspection asks for it by a symbol, so `console.log` and `console.table` show the text. */
const INSPECT = Symbol.for('nodejs.util.inspect.custom')

interface Styled {
  stylize?(text: string, style: string): string
}

/** Lets Node print instances of a class as their text, coloured as a date, instead of the fields they are made of. */
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
