/** The text that `\?` prints. */
export const HELP = `SQL ends with ;  JavaScript begins with "> ", with con, cur, sql, db, vars and _ in scope.

General
  \\q                    quit                     \\?  help     \\h [command]  the manual's page
  \\g [(opt=val)] [file] send the statement        \\gx  the same, expanded
  \\gset [prefix]        send it, its row becomes variables (:name in SQL, vars.name in JavaScript)
  \\gexec                send it, then run each value of its result
  \\watch [seconds]      send it again and again; \\watch i=1 c=5
  \\gdesc                what it would give, without running it
  \\crosstabview [columns]  send it, one column's values across the top
  \\bind value …         the values of $1, $2 … for the next statement
  \\parse name           prepare it; \\bind_named name value … and \\g execute it, \\close_prepared name forgets it
  \\errverbose           the last error with everything the server said
  \\timing [on|off]      show how long statements take

Statement
  \\e [file]  edit       \\ef [function] \\ev [view]  edit its source
  \\p  print   \\r  reset   \\w file  write   \\s  history

Files and programs
  \\i file    run a script      \\ir file  relative to the current one
  \\o [file or |command]  where results go
  \\copy table|(query) from|to file|program 'command'|stdin|stdout [options]
  \\echo, \\qecho, \\warn text   \\! command   \\cd folder
  \\if \\elif \\else \\endif      conditions

Objects (S adds the system's, + adds detail; patterns: a*, schema.name)
  \\d         relations, or \\d name: columns, indexes, constraints …
  \\dt \\dv \\dm \\di \\ds \\dE   tables, views, materialized views, indexes, sequences, foreign tables
  \\dn schemas   \\df functions   \\da aggregates   \\dT types   \\dD domains   \\dx extensions
  \\du roles     \\dp privileges  \\db tablespaces  \\dL languages   \\l databases
  \\dconfig settings   \\do operators   \\dC casts   \\dd comments   \\dP[tin] what is partitioned
  \\dX statistics   \\dy event triggers   \\dA access methods   \\dc conversions   \\dF[dpt] text search
  \\dA[cfop] operator classes and families, what is in them   \\dO collations   \\drg grants of roles
  \\dl large objects   \\lo_import file [comment]   \\lo_export number file   \\lo_unlink number
  \\ddp default privileges   \\drds settings of roles   \\dRp publications   \\dRs subscriptions
  \\dew \\des \\det \\deu   foreign-data wrappers, servers, tables, user mappings
  \\sf function  \\sv view        their source

Printing
  \\x [on|off|auto]  expanded    \\t  rows only    \\a  unaligned    \\f separator
  \\pset name value: border columns csv_fieldsep expanded fieldsep footer format linestyle null
                    pager recordsep row_limit tableattr title tuples_only
  formats: aligned wrapped unaligned csv json ndjson markdown html asciidoc     \\H  html   \\C title

Connection and variables
  \\c [database [user [host [port]]]] or connection string   \\conninfo   \\password [user]
  \\set [name value]  \\unset name  \\prompt [text] name
  \\getenv name variable   \\setenv variable [value]   \\encoding
`
