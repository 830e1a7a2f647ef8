/** Where the data of `COPY … FROM STDIN` comes from. Types, and the sources that need no script. */
import { DataBlock, LineSource, bytesOf } from '../io/input.ts'

export interface CopySource {
  /** The data of the next COPY. Whoever stops reading before its end calls `skip` of what this gives, where it has one. */
  readonly read: () => Iterable<Uint8Array | string> & { readonly skip?: () => void }
  /** Passes over the data of a COPY that was refused, so that nothing takes it for statements. */
  readonly skip: () => void
}

/** A file or a program's output: what a COPY leaves of it is of no use to anybody. */
export function copySourceOf(file: number): CopySource {
  return { read: () => bytesOf(file), skip() {} }
}

/** For statements that take no data. */
export const NO_COPY_DATA: CopySource = { read: () => [], skip() {} }

/** The standard input: a source of its own, or what has not been read of the script that comes by it. */
export interface StandardInput {
  readonly copySource: CopySource
  /** A line, null at the end. */
  readonly readLine: () => string | null
}

/** The standard input where no script comes by it. */
export function plainStandardInput(): StandardInput {
  return { copySource: standardInputSource(), readLine: () => LineSource.standard().readLine() }
}

/** The standard input, each COPY up to a line `\.`: for texts of `-c`, which hold no data themselves. */
export function standardInputSource(): CopySource {
  return { read: () => new DataBlock(LineSource.standard()), skip: () => LineSource.standard().skipData() }
}
