/**
 * Methods of `Buffer.prototype` that Node's type declarations leave out. Node.js has had them since version 1:
 * `toString(encoding, …)` and `write(…, encoding)` call them.
 */
interface Buffer<TArrayBuffer extends ArrayBufferLike = ArrayBufferLike> {
  utf8Slice(start: number, end: number): string
  latin1Slice(start: number, end: number): string
  asciiSlice(start: number, end: number): string
  utf8Write(text: string, offset: number, length?: number): number
  latin1Write(text: string, offset: number, length?: number): number
}
