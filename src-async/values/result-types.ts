/**
 * The option `types` of a call: other JavaScript forms for this call's values than the connection's. Each option gets a view
 * of the connection's registry. The views are cached, because statements look up their decoders by them.
 */
import { ProgrammingError } from '../errors/tree.ts'
import { describeValue } from '../errors/describe-value.ts'
import { serverText } from './codecs/text.ts'
import { CodecRegistry } from './registry.ts'
import { serverTextCodec } from './text-values.ts'
import { applyTypeOptions } from './type-options.ts'
import type { CallTypes, ResultTypes, TypeOptions } from './call-types.ts'
import type { Codec } from './codec.ts'

const TEMPORAL: TypeOptions = Object.freeze({ temporal: true })
/** Programs mostly write the option inline, as a new object for each call. Here equal ones are found again. */
const recent: TypeOptions[] = []
const MOST_RECENT = 16

/** @throws ProgrammingError for a value of another form, and for an unknown type or form. */
export function resultTypes(given: CallTypes, method: string): ResultTypes {
  if (given === 'text' || typeof given === 'function') return given
  if (given === 'temporal') return TEMPORAL
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new ProgrammingError(
      `${method}: types: expected forms by type name, 'text', 'temporal' or a function of an OID, got ${describeValue(given)}`,
    )
  }
  const known = recent.find((options) => isSame(options, given))
  if (known !== undefined) return known
  applyTypeOptions(new CodecRegistry(), given)
  const own = Object.freeze({ ...given })
  recent.unshift(own)
  if (recent.length > MOST_RECENT) recent.pop()
  return own
}

function isSame(one: TypeOptions, other: TypeOptions): boolean {
  const keys = Object.keys(one)
  return keys.length === Object.keys(other).length && keys.every((key) => one[key] === other[key])
}

const views = new WeakMap<CodecRegistry, WeakMap<TypeOptions, CodecRegistry>>()
const textViews = new WeakMap<CodecRegistry, CodecRegistry>()

/** The view of a registry with the changes that the options ask for. */
export function registryWith(registry: CodecRegistry, types: TypeOptions): CodecRegistry {
  let known = views.get(registry)
  if (known === undefined) views.set(registry, (known = new WeakMap()))
  let view = known.get(types)
  if (view === undefined) {
    view = new CodecRegistry(registry)
    applyTypeOptions(view, types)
    known.set(types, view)
  }
  return view
}

/** The view of a registry for writing values that mean text: see `text-values.ts`. */
export function textRegistry(registry: CodecRegistry): CodecRegistry {
  let view = textViews.get(registry)
  if (view === undefined) textViews.set(registry, (view = new CodecRegistry(registry, serverTextCodec)))
  return view
}

/** The codecs that read columns of these types. */
export function resultCodecs(registry: CodecRegistry, types: ResultTypes, typeOids: readonly number[]): Codec[] {
  if (types === 'text') return typeOids.map(() => serverText)
  if (typeof types === 'function') {
    return typeOids.map((oid) => parsedCodec(types.isTotal === true ? serverText : registry.codecFor(oid), types(oid)))
  }
  const view = registryWith(registry, types)
  return typeOids.map((oid) => view.codecFor(oid))
}

function parsedCodec(base: Codec, parser: ((text: string) => unknown) | null | undefined): Codec {
  if (parser === undefined || parser === null) return base
  if (typeof parser !== 'function') {
    throw new ProgrammingError(`types: expected a function of text for ${base.name}, got ${describeValue(parser)}`)
  }
  return {
    ...base,
    format: 0,
    decode: (input, length) => parser(input.utf8(length)),
    decodeText: (text) => parser(text),
  }
}
