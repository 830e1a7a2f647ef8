/** Sources of the data for `COPY … FROM STDIN`: the types, and the sources that do not come from a script. */
import { DataBlock, LineSource, bytesOf } from '../io/input.ts'

export interface CopySource {
  /** The data of the next COPY. A caller that stops before its end must call `skip` of the result, if it has one. */
  readonly read: () => Iterable<Uint8Array | string> & { readonly skip?: () => void }
  /** Skips the data of a COPY that was refused, so that it is not taken for statements. */
  readonly skip: () => void
}

/** A file or a program's output. Data that a COPY does not read is dropped. */
export function copySourceOf(file: number): CopySource {
  return { read: () => bytesOf(file), skip() {} }
}

/** For statements that take no data. */
export const NO_COPY_DATA: CopySource = { read: () => [], skip() {} }

/** The standard input. If the script itself comes from it, this is the rest of the script that was not read yet. */
export interface StandardInput {
  readonly copySource: CopySource
  /** A line; null at the end. */
  readonly readLine: () => string | null
}

/** The standard input when no script comes from it. */
export function plainStandardInput(): StandardInput {
  return { copySource: standardInputSource(), readLine: () => LineSource.standard().readLine() }
}

/** The standard input, with each COPY's data up to a line `\.`; for texts of `-c`, which contain no data themselves. */
export function standardInputSource(): CopySource {
  return { read: () => new DataBlock(LineSource.standard()), skip: () => LineSource.standard().skipData() }
}
