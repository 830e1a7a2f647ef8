/**
 * `COPY … TO/FROM PROGRAM` in the embedded PostgreSQL. There are no programs to run. PGlite throws a JavaScript exception
 * when PostgreSQL asks for one, which leaves the statement without an end and the client without an answer. Here
 * PostgreSQL gets an error of its own instead, raised by the functions that an extension would call (elog.h), so that the
 * statement fails as any other does. No SQL is read for this: PostgreSQL itself says when it wants to run a program.
 */

/** What is used of Emscripten's module: PostgreSQL's functions, and the stack that their arguments lie on. */
interface ElogModule {
  stringToUTF8OnStack(text: string): number
  _errstart(level: number, domain: number): number
  _errcode(sqlstate: number): number
  _errmsg(format: number, values: number): number
  _errhint(format: number, values: number): number
  _errfinish(file: number, line: number, name: number): void
}

/** PGlite, asked to run a command: gives a C stream, or 0. */
export interface CommandRunner {
  readonly Module: unknown
  handleExternalCmd?: (command: string, mode: string) => number
}

/** elog.h */
const ERROR = 21
const SIX_BITS = 6
/** Its sqlstate: five characters of six bits each, the first one lowest. */
const FEATURE_NOT_SUPPORTED = packedSqlstate('0A000')

const MESSAGE = 'the embedded PostgreSQL cannot run programs'
const HINT = 'Use COPY ... TO STDOUT or COPY ... FROM STDIN, and run the program from JavaScript.'

/** Makes every program that a statement asks for an error of that statement, SQLSTATE 0A000. */
export function refusePrograms(database: CommandRunner): void {
  const runAsBefore = database.handleExternalCmd?.bind(database)
  database.handleExternalCmd = (command, mode) => {
    // pg_import_system_collations() asks for this list; PGlite has it in a file.
    if (command === 'locale -a' && mode === 'r' && runAsBefore !== undefined) return runAsBefore(command, mode)
    const elog = database.Module as ElogModule
    if (elog._errstart(ERROR, 0) !== 0) {
      elog._errcode(FEATURE_NOT_SUPPORTED)
      elog._errmsg(elog.stringToUTF8OnStack(MESSAGE), 0)
      elog._errhint(elog.stringToUTF8OnStack(HINT), 0)
      // Does not return: it unwinds to PostgreSQL's nearest handler of errors. No file and function: they are kept by address.
      elog._errfinish(0, 0, 0)
    }
    return 0
  }
}

function packedSqlstate(sqlstate: string): number {
  const characters = [...sqlstate].map((character) => (character.charCodeAt(0) - 0x30) & 0x3f)
  return characters.reduceRight((packed, bits) => (packed << SIX_BITS) | bits, 0)
}
