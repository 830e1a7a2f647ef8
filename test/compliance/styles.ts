/** The five parameter styles of PEP 249, and how a statement with two parameters is written in each. */
import type { ParamStyle } from 'syncpg'

export interface Style {
  readonly style: ParamStyle
  /** The markers of the first and the second parameter. */
  readonly first: string
  readonly second: string
  /** Two values as this style's markers take them. */
  parameters(first: unknown, second: unknown): readonly unknown[] | { readonly [name: string]: unknown }
  /** One value, for a statement with the first marker alone. */
  one(value: unknown): readonly unknown[] | { readonly [name: string]: unknown }
}

const positional = {
  parameters: (first: unknown, second: unknown) => [first, second],
  one: (value: unknown) => [value],
}
const named = {
  parameters: (first: unknown, second: unknown) => ({ first, second }),
  one: (first: unknown) => ({ first }),
}

export const STYLES: readonly Style[] = [
  { style: 'qmark', first: '?', second: '?', ...positional },
  { style: 'numeric', first: ':1', second: ':2', ...positional },
  { style: 'format', first: '%s', second: '%s', ...positional },
  { style: 'named', first: ':first', second: ':second', ...named },
  { style: 'pyformat', first: '%(first)s', second: '%(second)s', ...named },
]
