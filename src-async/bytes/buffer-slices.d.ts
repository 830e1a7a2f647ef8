/**
 * Methods every Node.js has had on `Buffer.prototype` since version 1 and its type declarations leave out: what
 * `toString(encoding, …)` and `write(…, encoding)` call after looking at the encoding's name.
 */
interface Buffer<TArrayBuffer extends ArrayBufferLike = ArrayBufferLike> {
  utf8Slice(start: number, end: number): string
  latin1Slice(start: number, end: number): string
  asciiSlice(start: number, end: number): string
  utf8Write(text: string, offset: number, length?: number): number
  latin1Write(text: string, offset: number, length?: number): number
}
