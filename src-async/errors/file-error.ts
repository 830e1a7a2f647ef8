/** Turns an error of the file system, about a file that the program named, into an error of the tree. */
import { OperationalError, ProgrammingError, type DbError } from './tree.ts'

/**
 * @param argument the argument that names the file, `COPY: output`
 * @param cause what Node threw; the new error has its `code` too, such as `ENOENT`
 */
export function fileError(argument: string, file: string | URL, cause: unknown): DbError {
  const { code, message = String(cause) } = cause as { code?: string; message?: string }
  // Node throws TypeError for a URL of another scheme and for a NUL in the path.
  const isMisuse = cause instanceof TypeError
  const text = `${argument}: the file ${JSON.stringify(String(file)).slice(0, 200)} cannot be used: ${message}`
  const error = isMisuse ? new ProgrammingError(text, { cause }) : new OperationalError(text, { cause })
  if (code !== undefined) Object.defineProperty(error, 'code', { value: code, enumerable: false, configurable: true })
  return error
}
