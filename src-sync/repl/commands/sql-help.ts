/** `\h`: prints the address of the manual's page about an SQL command. The syntax itself is only in the manual. */

const OF_EVERYTHING =
  'AGGREGATE,COLLATION,CONVERSION,DATABASE,DOMAIN,EVENT TRIGGER,EXTENSION,FOREIGN DATA WRAPPER,FOREIGN TABLE,FUNCTION,' +
  'GROUP,INDEX,LANGUAGE,MATERIALIZED VIEW,OPERATOR,OPERATOR CLASS,OPERATOR FAMILY,POLICY,PROCEDURE,PUBLICATION,ROLE,' +
  'RULE,SCHEMA,SEQUENCE,SERVER,STATISTICS,SUBSCRIPTION,TABLE,TABLESPACE,TEXT SEARCH CONFIGURATION,' +
  'TEXT SEARCH DICTIONARY,TEXT SEARCH PARSER,TEXT SEARCH TEMPLATE,TRIGGER,TYPE,USER,USER MAPPING,VIEW'
const OTHERS =
  'ABORT,ANALYZE,BEGIN,CALL,CHECKPOINT,CLOSE,CLUSTER,COMMENT,COMMIT,COMMIT PREPARED,COPY,DEALLOCATE,DECLARE,DELETE,' +
  'DISCARD,DO,END,EXECUTE,EXPLAIN,FETCH,GRANT,IMPORT FOREIGN SCHEMA,INSERT,LISTEN,LOAD,LOCK,MERGE,MOVE,NOTIFY,PREPARE,' +
  'PREPARE TRANSACTION,REASSIGN OWNED,REFRESH MATERIALIZED VIEW,REINDEX,RELEASE SAVEPOINT,RESET,REVOKE,ROLLBACK,' +
  'ROLLBACK PREPARED,ROLLBACK TO SAVEPOINT,SAVEPOINT,SECURITY LABEL,SELECT,SELECT INTO,SET,SET CONSTRAINTS,SET ROLE,' +
  'SET SESSION AUTHORIZATION,SET TRANSACTION,SHOW,START TRANSACTION,TABLE,TRUNCATE,UNLISTEN,UPDATE,VACUUM,VALUES,WITH'

const objects = (verb: string, more: string): string[] =>
  `${OF_EVERYTHING},${more}`.split(',').map((object) => `${verb} ${object}`)

/** The commands that have a page in the manual. */
export const SQL_COMMANDS: readonly string[] = [
  ...objects('ALTER', 'DEFAULT PRIVILEGES,LARGE OBJECT,ROUTINE,SYSTEM'),
  ...objects('CREATE', 'ACCESS METHOD,CAST,TABLE AS,TRANSFORM'),
  ...objects('DROP', 'ACCESS METHOD,CAST,OWNED,ROUTINE,TRANSFORM'),
  ...OTHERS.split(','),
].sort()

/** Pages that have hyphens between the words of their names. */
const APART =
  /^(?:commit|prepare|reassign|release|rollback|security|set|start) |^drop owned|^(?:create|drop) access method/

/** The address of a command's page. */
function pageOf(command: string, major: number): string {
  const words = command
    .toLowerCase()
    .replace(/^(?:table|with)$/, 'select')
    .replace('rollback to savepoint', 'rollback to')
  const name = APART.test(words)
    ? words.replaceAll(' ', '-')
    : words.replace('operator class', 'opclass').replace('operator family', 'opfamily').replace('text search ', 'ts')
  return `https://www.postgresql.org/docs/${major}/sql-${name.replace('tsconfiguration', 'tsconfig').replaceAll(' ', '')}.html`
}

/** The text that `\h` prints. @param asked a command or the beginning of one; empty for the list of all. */
export function describeSqlHelp(asked: string, major: number): string {
  const wanted = asked.toUpperCase().trim().replace(/;$/, '').replace(/\s+/g, ' ')
  if (wanted === '') return `Available help:\n${SQL_COMMANDS.map((command) => `  ${command}\n`).join('')}`
  const exact = SQL_COMMANDS.includes(wanted)
  const found = exact ? [wanted] : SQL_COMMANDS.filter((command) => wanted === '*' || command.startsWith(wanted))
  if (found.length === 0) {
    return `No help available for "${asked.trim()}".\nTry \\h with no arguments to see available help.\n`
  }
  return found.map((command) => `${command.padEnd(34)} ${pageOf(command, major)}\n`).join('')
}
