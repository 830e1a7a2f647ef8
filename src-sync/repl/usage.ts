/** The text that `--help` prints. */
export const USAGE = `syncpg is a terminal and a batch client for PostgreSQL.

Usage:
  syncpg [option]... [database or connection string [user]]
  syncpg sqlite-check file...           what becomes of SQL that was written for SQLite
  syncpg sqlite-import file.db [dsn]    move a database of SQLite's into PostgreSQL

With no connection string, no connection option and no PG* variable it runs the embedded
PostgreSQL in memory; "syncpg pglite:./data" keeps its data.

What to run:
  -c, --command=TEXT        run a text of SQL or one backslash command, then end; repeatable
  -f, --file=PATH           run a script, then end; - is the standard input; repeatable
  -1, --single-transaction  all of it in one transaction, which the first error ends
  -l, --list                list the databases, then end
  -v, --set=NAME=VALUE      set a variable for :name, :'name' and :"name"; ON_ERROR_STOP is one

How to print:
  --aligned (as at first), -A or --unaligned, --wrapped, --csv, --json, --ndjson, --markdown,
  -H or --html, --asciidoc
  -t, --tuples-only         rows only: no headers, no counts
  -x, --expanded            one value a line
  -F, --field-separator=S   between fields of unaligned output, | at first; -z for a zero byte
  -R, --record-separator=S  between its records; -0 for a zero byte
  -P, --pset=NAME=VALUE     set a print setting, as \\pset does
  -q, --quiet               only results: no command tags, no other words
  -o, --output=PATH         write results to a file, or to |command
  -L, --log-file=PATH       write statements and results to a file too
  -s, --single-step         ask before each statement;  -S, --single-line  a line's end ends a statement
  -a, -b, -e, -E            echo the script, the statements that fail, all statements, the catalog's queries

Connection:
  -h, --host=HOST           host, or the folder of a socket
  -p, --port=PORT           -U, --username=USER         -d, --dbname=NAME or connection string
  -w, --no-password         never ask for a password
  -W, --password            ask for a password

  -X, --no-psqlrc           do not read ~/.syncpgrc
  -V, --version             -?, --help

Exit status: 0 done, 1 failed, 2 connection lost or not to be had, 3 a script was ended by an
error and ON_ERROR_STOP was set.
`
