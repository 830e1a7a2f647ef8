/** Values as a reader wants to see them: rows as a table, the rest as text in the manner of Node's console. */
import { Record } from '../../../src-async/index.ts'

const MOST_ROWS = 200
const MOST_DEPTH = 4

/** @returns `{ columns, rows, more }` for rows, null for anything else */
export function asTable(value) {
  const rows = value instanceof Record ? [value] : value
  if (!Array.isArray(rows) || rows.length === 0 || !rows.every((row) => row instanceof Record)) return null
  return {
    columns: [...Record.keys(rows[0])],
    rows: rows.slice(0, MOST_ROWS).map((row) => [...row].map((cell) => (cell === null ? null : cellText(cell)))),
    more: Math.max(0, rows.length - MOST_ROWS),
  }
}

export function asText(value) {
  return typeof value === 'string' ? value : shown(value, 0)
}

function cellText(value) {
  return typeof value === 'bigint' ? String(value) : asText(value)
}

function shown(value, depth) {
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'string') return `'${value}'`
  if (value === null || typeof value !== 'object') return String(value)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString()
  if (value instanceof Error) return `${value.name}: ${value.message}`
  if (value instanceof Uint8Array) {
    return `<Buffer ${[...value.subarray(0, 50)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')}>`
  }
  if (depth >= MOST_DEPTH) return '…'
  if (Array.isArray(value)) {
    return value.length === 0 ? '[]' : `[ ${value.map((item) => shown(item, depth + 1)).join(', ')} ]`
  }
  const isPlain = value instanceof Record || [Object.prototype, null].includes(Object.getPrototypeOf(value))
  if (!isPlain && value.toString !== Object.prototype.toString) return String(value)
  const entries = Object.entries(value).map(([key, item]) => `${key}: ${shown(item, depth + 1)}`)
  return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`
}
