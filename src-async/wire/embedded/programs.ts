/**
 * `COPY … TO/FROM PROGRAM` in the embedded PostgreSQL. There are no programs to run. PGlite throws a JavaScript exception
 * when PostgreSQL asks for one, which leaves the statement without an end and the client without an answer. Here
 * PostgreSQL gets an error of its own instead, raised by the functions that an extension would call (elog.h), so that the
 * statement fails as any other does. No SQL is read for this: PostgreSQL itself says when it wants to run a program.
 */

/** The part of Emscripten's module that is used: PostgreSQL's functions, and one that puts text on the stack. */
interface ElogModule {
  stringToUTF8OnStack(text: string): number
  _errstart(level: number, domain: number): number
  _errcode(sqlstate: number): number
  _errmsg(format: number, values: number): number
  _errhint(format: number, values: number): number
  _errfinish(file: number, line: number, name: number): void
}

/** The hook by which PGlite runs a command. It gives a C stream, or 0. */
export interface CommandRunner {
  readonly Module: unknown
  handleExternalCmd?: (command: string, mode: string) => number
}

/** elog.h */
const ERROR = 21
const SIX_BITS = 6
/** The SQLSTATE as elog.h packs it: five characters of six bits each, the first one in the lowest bits. */
const FEATURE_NOT_SUPPORTED = packedSqlstate('0A000')

const MESSAGE = 'the embedded PostgreSQL cannot run programs'
const HINT = 'Use COPY ... TO STDOUT or COPY ... FROM STDIN, and run the program from JavaScript.'

/** Makes a statement fail with SQLSTATE 0A000 when it wants to run a program. */
export function refusePrograms(database: CommandRunner): void {
  const runAsBefore = database.handleExternalCmd?.bind(database)
  database.handleExternalCmd = (command, mode) => {
    // pg_import_system_collations() runs this command, and PGlite has its output in a file.
    if (command === 'locale -a' && mode === 'r' && runAsBefore !== undefined) return runAsBefore(command, mode)
    const elog = database.Module as ElogModule
    if (elog._errstart(ERROR, 0) !== 0) {
      elog._errcode(FEATURE_NOT_SUPPORTED)
      elog._errmsg(elog.stringToUTF8OnStack(MESSAGE), 0)
      elog._errhint(elog.stringToUTF8OnStack(HINT), 0)
      // This call does not return: it unwinds to PostgreSQL's nearest error handler. File and function are left out, because
      // PostgreSQL keeps their addresses, and the stack is gone by then.
      elog._errfinish(0, 0, 0)
    }
    return 0
  }
}

function packedSqlstate(sqlstate: string): number {
  const characters = [...sqlstate].map((character) => (character.charCodeAt(0) - 0x30) & 0x3f)
  return characters.reduceRight((packed, bits) => (packed << SIX_BITS) | bits, 0)
}
