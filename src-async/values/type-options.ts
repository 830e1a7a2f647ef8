/**
 * The connection option `types`: other JavaScript forms for built-in types. A word chooses a form; a function makes one
 * from the server's text.
 */
import { ProgrammingError } from '../errors/tree.ts'
import { BUILT_IN_CODECS, builtInOidOf } from './built-in-codecs.ts'
import { int8, int8AsNumber, int8Auto } from './codecs/integers.ts'
import { jsonAsString, jsonbAsString } from './codecs/json.ts'
import { numeric } from './codecs/numeric.ts'
import { textFormatCodec } from './codecs/text.ts'
import { uuid } from './codecs/uuid.ts'
import { literalText } from './literal-text.ts'
import type { Codec } from './codec.ts'
import type { CodecRegistry } from './registry.ts'

/** By type name: a form, or a function of the server's text. */
export interface TypeOptions {
  readonly [typeName: string]: string | ((text: string) => unknown)
}

/** Forms beside `'string'`, which every type has. */
const FORMS: ReadonlyMap<string, Codec> = new Map<string, Codec>([
  ['int8 bigint', int8],
  ['int8 number', int8AsNumber],
  ['int8 auto', int8Auto],
  ['json string', jsonAsString],
  ['jsonb string', jsonbAsString],
  ['numeric string', numeric],
  ['uuid string', uuid],
])

/** Types whose binary decoder gives the server's text, so that a function of it needs no text format. */
const BINARY_TEXTS: ReadonlySet<Codec> = new Set<Codec>([numeric, uuid])

/** Sets the codecs that the options ask for. @throws ProgrammingError for a type or a form that is none. */
export function applyTypeOptions(registry: CodecRegistry, options: TypeOptions): void {
  for (const [typeName, form] of Object.entries(options)) {
    const oid = builtInOidOf(typeName)
    const codec = oid === null ? undefined : BUILT_IN_CODECS.get(oid)
    if (oid === null || codec === undefined)
      throw new ProgrammingError(`types: there is no built-in type "${typeName}"`)
    registry.set(oid, typeof form === 'function' ? customCodec(codec, form) : chosenCodec(codec, typeName, form))
  }
}

function chosenCodec(codec: Codec, typeName: string, form: unknown): Codec {
  const known = FORMS.get(`${typeName} ${String(form)}`)
  if (known !== undefined) return known
  if (form === 'string') return textFormatCodec(codec.name)
  throw new ProgrammingError(
    `types: ${typeName} has no form ${JSON.stringify(form)}; there is 'string', or pass a function`,
  )
}

/** Values go in as before; what comes out is made by the function, whose errors are the user's own. */
function customCodec(codec: Codec, make: (text: string) => unknown): Codec {
  if (BINARY_TEXTS.has(codec)) {
    return {
      ...codec,
      decode: (input, length) => make(codec.decode(input, length) as string),
      decodeText: (text) => make(codec.decodeText(text) as string),
    }
  }
  return {
    name: codec.name,
    format: 0,
    encode(out, value) {
      out.utf8(literalText(codec, value))
    },
    decode: (input, length) => make(input.utf8(length)),
    decodeText: make,
  }
}
