/**
 * The connection option `types`: other JavaScript forms for built-in types. A word selects a form; a function makes the value
 * from the server's text.
 */
import { ProgrammingError } from '../errors/tree.ts'
import { BUILT_IN_CODECS, builtInOidOf } from './built-in-codecs.ts'
import type { TypeOptions } from './call-types.ts'
import { type TemporalNamespace, requireTemporal } from './calendar.ts'
import { int8, int8AsNumber, int8Auto } from './codecs/integers.ts'
import { jsonAsString, jsonbAsString } from './codecs/json.ts'
import { TEMPORAL_CODECS, temporalCodec } from './codecs/temporal.ts'
import { textExchange } from './custom-codec.ts'
import { describeValue } from '../errors/describe-value.ts'
import { builtInOidBySpelling } from './type-names.ts'
import type { Codec } from './codec.ts'
import type { CodecRegistry } from './registry.ts'

/** Forms in addition to `'string'`, which every type has. */
const FORMS: ReadonlyMap<string, Codec> = new Map<string, Codec>([
  ['int8 bigint', int8],
  ['int8 number', int8AsNumber],
  ['int8 auto', int8Auto],
  ['json string', jsonAsString],
  ['jsonb string', jsonbAsString],
])

/** Sets the codecs that the options ask for. @throws ProgrammingError for an unknown type or form. */
export function applyTypeOptions(registry: CodecRegistry, options: TypeOptions | 'temporal'): void {
  const given: TypeOptions = options === 'temporal' ? { temporal: true } : options
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new ProgrammingError(`types: expected forms by type name or 'temporal', got ${describeValue(options)}`)
  }
  const { temporal, ...forms } = given
  const namespace = typeof temporal === 'object' && temporal !== null ? temporal : null
  if (temporal === true || namespace !== null) {
    for (const codec of TEMPORAL_CODECS) applyForm(registry, codec.name, 'temporal', namespace)
  } else if (temporal !== undefined && temporal !== false) {
    throw new ProgrammingError(`types: temporal: expected true or a namespace, got ${describeValue(temporal)}`)
  }
  for (const [typeName, form] of Object.entries(forms)) {
    if (form !== undefined) applyForm(registry, typeName, form, namespace)
  }
}

function applyForm(registry: CodecRegistry, typeName: string, form: unknown, temporal: TemporalNamespace | null): void {
  const oid = builtInOidOf(typeName) ?? builtInOidBySpelling(typeName)
  const codec = oid === null ? undefined : BUILT_IN_CODECS.get(oid)
  if (oid === null || codec === undefined) {
    throw new ProgrammingError(`types: there is no built-in type "${typeName}"`, {
      hint: 'use setTypeCodec for types of your own',
    })
  }
  if (typeof form === 'function') {
    const decoder = form as (text: unknown) => unknown
    registry.choose(oid, (base) => textExchange(base, undefined, decoder), false)
  } else if (form === 'string' && !FORMS.has(`${codec.name} string`)) {
    registry.choose(oid, (base) => (base.isText === true ? base : textExchange(base, undefined, printed)), false)
  } else {
    const chosen = chosenCodec(codec, form, temporal)
    registry.choose(oid, () => chosen, form === 'temporal')
  }
}

/** The form `'string'`: results are the server's text; parameters are written as usual. */
const printed = (text: unknown): unknown => text

function chosenCodec(codec: Codec, form: unknown, temporal: TemporalNamespace | null): Codec {
  const known = FORMS.get(`${codec.name} ${String(form)}`)
  if (known !== undefined) return known
  if (form === 'temporal') {
    const made = temporalCodec(codec, temporal ?? requireTemporal())
    if (made !== null) return made
  }
  throw new ProgrammingError(
    `types: ${codec.name} has no form ${describeValue(form)}; use 'string', or pass a function`,
  )
}
