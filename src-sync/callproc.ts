/**
 * PEP 249's `callproc`. Looks up a name once and calls a function with SELECT, a procedure with CALL. When several have
 * the same name, the server chooses one by the values. This file only needs their kind and their OUT parameters.
 */
import { describeValue } from '../src-async/errors/describe-value.ts'
import { isMap } from '../src-async/values/any-realm.ts'
import { DbError, ProgrammingError } from '../src-async/errors/tree.ts'
import { UndefinedFunctionError } from '../src-async/errors/sqlstates.ts'
import { fetchRows } from '../src-async/flows/run-statement.ts'
import { undoBegin } from '../src-async/flows/undo-begin.ts'
import { Record } from '../src-async/values/record.ts'
import { RECORD_ROWS } from '../src-async/values/row-options.ts'
import { quoteIdentifier } from '../src-async/values/sql.ts'
import type { CursorBody, RequestOptions } from './cursor-body.ts'
import type { Engine } from './engine.ts'
import type { Parameters } from './paramstyle/bind-parameters.ts'

export interface ProcedureRequest extends RequestOptions {
  /** `lower`, `shop.total`. */
  readonly name: string
  readonly parameters: Parameters
}

/** One function or procedure with the name, as pg_proc describes it. */
interface Candidate {
  readonly kind: 'f' | 'p' | 'a' | 'w'
  /** `i`, `o`, `b` (both), `v` (variadic) or `t` (a column of the result) for each parameter. */
  readonly modes: readonly string[]
  /** `''` for a parameter without a name. */
  readonly names: readonly string[]
}

/** The server's errors for a call with the wrong signature, or for a CALL of a function or a SELECT of a procedure. */
const MISFITS: ReadonlySet<unknown> = new Set(['42883', '42809', '42725'])

const LOOK_UP = `
  select p.prokind::text,
    coalesce(p.proargmodes::text[], array_fill('i'::text, array[p.pronargs::int])),
    coalesce(p.proargnames, array_fill(''::text, array[coalesce(cardinality(p.proargmodes), p.pronargs)]))
  from pg_catalog.pg_proc p
  where p.proname = $1 and case when $2::text is null then pg_catalog.pg_function_is_visible(p.oid)
    when $2 = 'pg_temp' then p.pronamespace = pg_catalog.pg_my_temp_schema()
    else p.pronamespace = (select n.oid from pg_catalog.pg_namespace n where n.nspname = $2) end
  order by p.oid`

interface Known {
  readonly candidates: readonly Candidate[]
  /** The statement cache's `generation` at the time of the lookup. The entry is stale when the number has changed. */
  readonly generation: number
  /** The transaction of the lookup. Later another session may have replaced the function. */
  readonly transaction: number
}

const known = new WeakMap<Engine, Map<string, Known>>()

/**
 * Calls the function or procedure. Its rows go to the body.
 * @returns a copy of the parameters, with the values of OUT and INOUT ones.
 */
export function callProcedure(engine: Engine, body: CursorBody, request: ProcedureRequest): Parameters {
  const { context } = engine
  const { scopeBegin } = context
  const wasIdle = context.state.transactionStatus === 'I'
  try {
    return callOnce(engine, body, request)
  } catch (error) {
    const isMisfit = error instanceof DbError && error.notStarted === true && MISFITS.has(error.sqlstate)
    // The remembered signature may be stale, so the name is looked up again. Only outside a transaction: inside, the
    // error has failed the transaction.
    if (!isMisfit || known.get(engine)?.delete(request.name) !== true || !wasIdle) throw error
    engine.run(undoBegin(context, scopeBegin))
    return callOnce(engine, body, request)
  }
}

function callOnce(engine: Engine, body: CursorBody, request: ProcedureRequest): Parameters {
  const { name, parameters } = request
  const path = pathOf(name)
  const isNamed = !Array.isArray(parameters)
  const entries: [string, unknown][] = isNamed
    ? isMap(parameters)
      ? [...(parameters as ReadonlyMap<string, unknown>)]
      : Object.entries(parameters)
    : (parameters as readonly unknown[]).map((value) => ['', value])
  const candidate = choose(candidatesOf(engine, path, request), entries, name)
  const prepared = candidate.kind === 'p' ? procedureCall(candidate, entries, isNamed) : functionCall(entries)
  const text = `${prepared.head} ${quoteIdentifier(...path)}(${prepared.list})`
  body.execute({
    ...request,
    statement: { sql: text, parameters: prepared.values },
    parameters: null,
    isOneOff: false,
    meaning: 'typed',
  })
  const outcome = candidate.kind === 'p' ? outputs(body, candidate) : []
  return isNamed ? namedCopy(entries, candidate, outcome) : positionalCopy(prepared.all, candidate, outcome)
}

interface PreparedCall {
  readonly head: 'select * from' | 'call'
  readonly list: string
  readonly values: unknown[]
  /** The values of all parameters, OUT ones included. */
  readonly all: unknown[]
}

function functionCall(entries: readonly [string, unknown][]): PreparedCall {
  const values = entries.map(([, value]) => value)
  const list = entries.map(([key], index) => `${key === '' ? '' : `${quoteIdentifier(key)} => `}$${index + 1}`)
  return { head: 'select * from', list: list.join(', '), values, all: values }
}

/** Builds the CALL. OUT parameters are written as null, whether the caller passed them or not. */
function procedureCall(candidate: Candidate, entries: [string, unknown][], isNamed: boolean): PreparedCall {
  const all: [string, unknown][] = []
  const isComplete = entries.length === candidate.modes.length
  const given = [...entries]
  if (isNamed) {
    all.push(...entries)
    candidate.names.forEach((name, index) => {
      if (candidate.modes[index] === 'o' && !entries.some(([key]) => key === name)) all.push([name, null])
    })
  } else if (isComplete || candidate.modes.includes('v')) {
    all.push(...entries)
  } else {
    for (const mode of candidate.modes) all.push(mode === 'o' ? ['', null] : (given.shift() ?? ['', null]))
  }
  const values: unknown[] = []
  const list = all.map(([key, value], index) => {
    const mode = key === '' ? candidate.modes[index] : candidate.modes[candidate.names.indexOf(key)]
    const prefix = key === '' ? '' : `${quoteIdentifier(key)} => `
    if (mode === 'o') return `${prefix}null`
    values.push(value)
    return `${prefix}$${values.length}`
  })
  return { head: 'call', list: list.join(', '), values, all: all.map(([, value]) => value) }
}

/** The values of the one row that a procedure with OUT or INOUT parameters returns. The row can still be fetched. */
function outputs(body: CursorBody, { modes }: Candidate): unknown[] {
  if (!modes.some((mode) => mode === 'o' || mode === 'b') || body.columns === null) return []
  const row = body.next('record')
  if (row === null) return []
  body.scroll(0, 'absolute')
  return Record.toArray(row)
}

function positionalCopy(all: readonly unknown[], { modes }: Candidate, outcome: readonly unknown[]): unknown[] {
  let next = 0
  return all.map((value, index) => {
    const isOut = outcome.length > 0 && (modes[index] === 'o' || modes[index] === 'b')
    return isOut ? outcome[next++] : value
  })
}

function namedCopy(
  entries: readonly [string, unknown][],
  { modes, names }: Candidate,
  outcome: readonly unknown[],
): globalThis.Record<string, unknown> {
  const copy: globalThis.Record<string, unknown> = Object.fromEntries(entries)
  let next = 0
  modes.forEach((mode, index) => {
    if (outcome.length > 0 && (mode === 'o' || mode === 'b')) copy[names[index] ?? ''] = outcome[next++]
  })
  return copy
}

/** Splits a name at the dot into schema and name. Both are quoted, so upper and lower case matter. */
function pathOf(name: unknown): string[] {
  const parts = typeof name === 'string' ? name.split('.') : []
  if (parts.length < 1 || parts.length > 2 || parts.includes('')) {
    throw new ProgrammingError(`callproc: expected the name of a function or procedure, got ${describeValue(name)}`)
  }
  return parts
}

function candidatesOf(engine: Engine, path: string[], request: ProcedureRequest): readonly Candidate[] {
  const key = path.join('.')
  let names = known.get(engine)
  if (names === undefined) known.set(engine, (names = new Map()))
  const { state, statements } = engine.context
  const found = names.get(key)
  if (found !== undefined && found.generation === statements.generation) {
    // A wrong call would fail an open transaction, so the name is looked up once in each transaction.
    if (state.transactionStatus === 'I' || found.transaction === statements.transaction) return found.candidates
  }
  const name = path.at(-1) ?? ''
  const schema = path.length > 1 ? path[0] : null
  const flow = fetchRows(engine.context, { sql: LOOK_UP, values: [name, schema], rowLimit: 0, rows: RECORD_ROWS })
  const { rows } = engine.run(flow, { timeoutMs: request.timeoutMs, messages: request.messages })
  const candidates = rows.map((row) => {
    const [kind, modes, parameterNames] = Record.toArray(row) as [Candidate['kind'], string[], string[]]
    // Columns of a table function are not parameters.
    const isParameter = (_: unknown, index: number): boolean => modes[index] !== 't'
    return { kind, modes: modes.filter(isParameter), names: parameterNames.filter(isParameter) }
  })
  if (candidates.length === 0) {
    throw new UndefinedFunctionError(`callproc: there is no function or procedure ${JSON.stringify(key)}`, {
      hint: 'the name must be written exactly, with its capital letters; put the schema before it, with a dot',
    })
  }
  const { generation, transaction } = statements
  names.set(key, { candidates, generation, transaction })
  return candidates
}

function choose(candidates: readonly Candidate[], entries: readonly [string, unknown][], name: string): Candidate {
  const fitting = candidates.find((candidate) => fits(candidate, entries)) ?? candidates[0]
  if (fitting === undefined) throw new ProgrammingError(`callproc: there is no function or procedure ${name}`)
  if (fitting.kind === 'f' || fitting.kind === 'p') return fitting
  const kind = fitting.kind === 'a' ? 'an aggregate' : 'a window function'
  throw new ProgrammingError(`callproc: ${name} is ${kind}, which works on rows: use it in a SELECT`)
}

/** Whether the number of values, or their names, fit the parameters. */
function fits({ kind, modes, names }: Candidate, entries: readonly [string, unknown][]): boolean {
  const inputs = modes.filter((mode) => mode !== 'o').length
  if (entries.some(([key]) => key !== '')) return entries.every(([key]) => names.includes(key))
  return entries.length === inputs || (kind === 'p' && entries.length === modes.length)
}
