/**
 * Converts a value from the server's text to JSON, by the rules of PostgreSQL's `to_json`: numbers keep their digits,
 * json is copied, arrays of built-in types become arrays, and values that JSON cannot express become strings.
 */
import type { Cell } from './table.ts'

const BOOLEAN = 16
/** The OIDs of int2, int4, int8, oid, float4, float8 and numeric. */
const NUMBERS = new Set([20, 21, 23, 26, 700, 701, 1700])
/** The OIDs of json and jsonb. */
const JSONS = new Set([114, 3802])

/** The element types of array types: bool int2 int4 int8 text oid float4 float8 numeric json jsonb varchar bpchar name … */
const ELEMENTS = new Map([
  [1000, 16],
  [1005, 21],
  [1007, 23],
  [1016, 20],
  [1009, 25],
  [1028, 26],
  [1021, 700],
  [1022, 701],
  [1231, 1700],
  [199, 114],
  [3807, 3802],
  [1015, 1043],
  [1014, 1042],
  [1003, 19],
  [2951, 2950],
  [1182, 1082],
  [1183, 1083],
  [1115, 1114],
  [1185, 1184],
  [1270, 1266],
  [1187, 1186],
  [1041, 869],
  [651, 650],
  [1001, 17],
  [1002, 18],
])

const NUMBER = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/

export function jsonOf(value: Cell, typeOid: number): string {
  if (value === null) return 'null'
  if (typeOid === BOOLEAN) return value === 't' ? 'true' : 'false'
  // NaN and Infinity do not exist in JSON. They become strings, as in the server's `to_json`.
  if (NUMBERS.has(typeOid) && NUMBER.test(value)) return value
  // A line break in JSON is never inside a string, so replacing it keeps the value; parsing could change the digits of numbers.
  if (JSONS.has(typeOid)) return value.replace(/\s*[\r\n]\s*/g, ' ')
  const elementOid = ELEMENTS.get(typeOid)
  if (elementOid !== undefined) return arrayOf(value, elementOid)
  return JSON.stringify(value)
}

/** Makes names unique, because a JSON object would lose the earlier one of two equal names. */
export function uniqueNames(names: readonly string[]): string[] {
  const taken = new Set(names)
  const seen = new Set<string>()
  return names.map((name) => {
    let unique = name
    for (let count = 2; seen.has(unique); count++) {
      const candidate = `${name}_${count}`
      if (!taken.has(candidate) && !seen.has(candidate)) unique = candidate
    }
    seen.add(unique)
    return unique
  })
}

/** Converts an array's text: `{1,NULL,"a \"b\""}`, nested, with bounds before it when they do not begin at 1. */
function arrayOf(text: string, elementOid: number): string {
  let at = text.startsWith('[') ? text.indexOf('=') + 1 : 0
  let json = ''
  while (at < text.length) {
    const unit = text[at]!
    if (unit === '{') json += '['
    else if (unit === '}') json += ']'
    else if (unit === ',') json += ', '
    else {
      const element = readElement(text, at)
      json += jsonOf(element.value, elementOid)
      at = element.end
      continue
    }
    at += 1
  }
  return json
}

function readElement(text: string, start: number): { value: Cell; end: number } {
  if (text[start] !== '"') {
    const end = start + (/^[^,}]*/.exec(text.slice(start))?.[0].length ?? 0)
    const value = text.slice(start, end)
    return { value: value === 'NULL' ? null : value, end }
  }
  let value = ''
  let at = start + 1
  while (at < text.length && text[at] !== '"') {
    if (text[at] === '\\') at += 1
    value += text[at] ?? ''
    at += 1
  }
  return { value, end: at + 1 }
}
