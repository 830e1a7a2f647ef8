/**
 * The width of text on a terminal: wide characters take two columns, combining characters none, and control characters are
 * escaped. The classes are those of Unicode's East Asian Width, which psql uses too.
 */

/** First and last code points of blocks whose characters are wide. */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x231a, 0x231b],
  [0x2329, 0x232a],
  [0x23e9, 0x23ec],
  [0x23f0, 0x23f0],
  [0x23f3, 0x23f3],
  [0x25fd, 0x25fe],
  [0x2614, 0x2615],
  [0x2648, 0x2653],
  [0x267f, 0x267f],
  [0x2693, 0x2693],
  [0x26a1, 0x26a1],
  [0x26aa, 0x26ab],
  [0x26bd, 0x26be],
  [0x26c4, 0x26c5],
  [0x26ce, 0x26ce],
  [0x26d4, 0x26d4],
  [0x26ea, 0x26ea],
  [0x26f2, 0x26f3],
  [0x26f5, 0x26f5],
  [0x26fa, 0x26fa],
  [0x26fd, 0x26fd],
  [0x2705, 0x2705],
  [0x270a, 0x270b],
  [0x2728, 0x2728],
  [0x274c, 0x274c],
  [0x274e, 0x274e],
  [0x2753, 0x2755],
  [0x2757, 0x2757],
  [0x2795, 0x2797],
  [0x27b0, 0x27b0],
  [0x27bf, 0x27bf],
  [0x2b1b, 0x2b1c],
  [0x2b50, 0x2b50],
  [0x2b55, 0x2b55],
  [0x2e80, 0x303e],
  [0x3041, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6f],
  [0xff01, 0xff60],
  [0xffe0, 0xffe6],
  [0x16fe0, 0x18aff],
  [0x1b000, 0x1b2ff],
  [0x1f004, 0x1f004],
  [0x1f0cf, 0x1f0cf],
  [0x1f18e, 0x1f18e],
  [0x1f191, 0x1f19a],
  [0x1f200, 0x1f320],
  [0x1f32d, 0x1f335],
  [0x1f337, 0x1f37c],
  [0x1f37e, 0x1f393],
  [0x1f3a0, 0x1f3ca],
  [0x1f3cf, 0x1f3d3],
  [0x1f3e0, 0x1f3f0],
  [0x1f3f4, 0x1f3f4],
  [0x1f3f8, 0x1f43e],
  [0x1f440, 0x1f440],
  [0x1f442, 0x1f4fc],
  [0x1f4ff, 0x1f53d],
  [0x1f54b, 0x1f54e],
  [0x1f550, 0x1f567],
  [0x1f57a, 0x1f57a],
  [0x1f595, 0x1f596],
  [0x1f5a4, 0x1f5a4],
  [0x1f5fb, 0x1f64f],
  [0x1f680, 0x1f6c5],
  [0x1f6cc, 0x1f6cc],
  [0x1f6d0, 0x1f6d2],
  [0x1f6d5, 0x1f6d7],
  [0x1f6dc, 0x1f6df],
  [0x1f6eb, 0x1f6ec],
  [0x1f6f4, 0x1f6fc],
  [0x1f7e0, 0x1f7eb],
  [0x1f7f0, 0x1f7f0],
  [0x1f90c, 0x1f93a],
  [0x1f93c, 0x1f945],
  [0x1f947, 0x1f9ff],
  [0x1fa70, 0x1faff],
  [0x20000, 0x3fffd],
]

const PLAIN = /^[\x20-\x7e]*$/
const COMBINING = /^[\p{Mn}\p{Me}\p{Cf}]$/u
const TAB_STOP = 8

/** The number of columns that a character takes. */
export function characterWidth(point: number): number {
  if (point < 0x300) return point === 0xad ? 0 : 1
  if (COMBINING.test(String.fromCodePoint(point))) return 0
  let low = 0
  let high = WIDE.length - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    const [first, last] = WIDE[middle]!
    if (point < first) high = middle - 1
    else if (point > last) low = middle + 1
    else return 2
  }
  return 1
}

/** The number of columns that a line without control characters takes. */
export function displayWidth(text: string): number {
  if (PLAIN.test(text)) return text.length
  let width = 0
  for (const character of text) width += characterWidth(character.codePointAt(0)!)
  return width
}

export interface Line {
  readonly text: string
  readonly width: number
  /** For a part of a line that was too long for its column: whether more parts follow, and whether others came before. */
  readonly wraps?: boolean
  readonly isContinued?: boolean
}

/** The lines of a value, ready to print: tabs become blanks up to the next stop, other control characters are escaped. */
export function linesOf(text: string): readonly Line[] {
  if (PLAIN.test(text)) return [{ text, width: text.length }]
  return text.split('\n').map(showLine)
}

function showLine(line: string): Line {
  let text = ''
  let width = 0
  for (const character of line) {
    const point = character.codePointAt(0)!
    let shown = character
    if (character === '\t') shown = ' '.repeat(TAB_STOP - (width % TAB_STOP))
    else if (character === '\r') shown = '\\r'
    else if (point < 0x20 || point === 0x7f) shown = `\\x${point.toString(16).padStart(2, '0').toUpperCase()}`
    else if (point >= 0x80 && point < 0xa0) shown = `\\u${point.toString(16).padStart(4, '0').toUpperCase()}`
    text += shown
    width += shown === character ? characterWidth(point) : shown.length
  }
  return { text, width }
}
