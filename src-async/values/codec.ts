/**
 * What a codec is: the pair that turns one PostgreSQL type's value into bytes and back. Codecs are pure: no I/O, no
 * state between values, NULL never reaches them. One family, one file in `codecs/`.
 */
import type { ByteReader } from '../bytes/byte-reader.ts'
import type { ByteWriter } from '../bytes/byte-writer.ts'

export interface Codec<T = unknown> {
  /** The type's name as SQL spells it, for messages: `int4`, `timestamptz`, `text[]`. */
  readonly name: string
  /** 1 binary, 0 text: the format asked for in Bind, for parameters and for results. */
  readonly format: 0 | 1
  /**
   * True when a JavaScript array is one value of the type (json, a domain over an array): an array of the type then has
   * one dimension.
   */
  readonly takesArrays?: true
  /** True for array types. */
  readonly isList?: true
  /** True when the value is exactly the server's text, whatever the format. */
  readonly isText?: true
  /** True when bytes (a Uint8Array) are one value of the type, so that only a true array is an array of it. */
  readonly takesBytes?: true
  /**
   * Writes the value's bytes in `format`, without their length.
   * @throws DataError when the value is not representable in the type; the caller adds the parameter's number.
   *   TEXT_FOR_SERVER when the value is, or has in it, a string that only the server can read; see `text-for-server.ts`.
   */
  encode(out: ByteWriter, value: unknown): void
  /** Reads exactly `length` bytes in `format`. */
  decode(input: ByteReader, length: number): T
  /** The identical value from the server's text output. */
  decodeText(text: string): T
  /**
   * What the server's input function reads as the value, for containers that travel as text. Where it is missing the
   * text follows from the codec's bytes; see `literal-text.ts`.
   */
  encodeText?(value: unknown): string
  /** Of a codec in text format: reads the server's binary form all the same, as anonymous records bring it. */
  decodeBinary?(input: ByteReader, length: number): T
}
