/** What the system said about a file that a program named, as an error of ours. Its own error stays the cause. */
import { OperationalError, ProgrammingError, type DbError } from './tree.ts'

/**
 * @param argument the argument that names the file, `COPY: output`
 * @param cause what Node threw; its `code`, such as `ENOENT`, is the error's too
 */
export function fileError(argument: string, file: string | URL, cause: unknown): DbError {
  const { code, message = String(cause) } = cause as { code?: string; message?: string }
  // A URL of another scheme, a NUL in the path.
  const isMisuse = cause instanceof TypeError
  const text = `${argument}: the file ${JSON.stringify(String(file)).slice(0, 200)} cannot be used: ${message}`
  const error = isMisuse ? new ProgrammingError(text, { cause }) : new OperationalError(text, { cause })
  if (code !== undefined) Object.defineProperty(error, 'code', { value: code, enumerable: false, configurable: true })
  return error
}
