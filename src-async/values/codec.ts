/**
 * A codec: the pair of functions that turns a value of one PostgreSQL type into bytes and back. Codecs are pure: they do no
 * I/O, keep no state between values, and never see NULL. Each family of types is one file in `codecs/`.
 */
import type { ByteReader } from '../bytes/byte-reader.ts'
import type { ByteWriter } from '../bytes/byte-writer.ts'

export interface Codec<T = unknown> {
  /** The type's name as SQL spells it, for messages: `int4`, `timestamptz`, `text[]`. */
  readonly name: string
  /** 1 binary, 0 text: the format of parameters and results in Bind. */
  readonly format: 0 | 1
  /**
   * True when a JavaScript array is one value of the type (json, a domain over an array). An array of this type then has one
   * dimension.
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
   * @throws DataError when the type cannot represent the value; the caller adds the parameter's number. TEXT_FOR_SERVER
   *   when the value is, or contains, a string that only the server can read; see `text-for-server.ts`.
   */
  encode(out: ByteWriter, value: unknown): void
  /** Reads exactly `length` bytes in `format`. */
  decode(input: ByteReader, length: number): T
  /** Reads the server's text output; the value is the one that `decode` would give. */
  decodeText(text: string): T
  /**
   * The text that the server's input function reads, for containers that travel as text. Without it, the text is made from
   * the codec's bytes; see `literal-text.ts`.
   */
  encodeText?(value: unknown): string
  /** For a codec in text format: reads the server's binary form, which records contain. */
  decodeBinary?(input: ByteReader, length: number): T
}
