/** Decides by the words before a place which kinds of names and keywords fit there. Names are read from the catalog later. */
import { SQL_TOKEN, SqlLexer } from '../../index.ts'

export type Fitting =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'relations' | 'settings' | 'schemas' | 'roles' | 'databases' | 'functions' | 'types' }
  /** An expression: columns come first, then these words. */
  | { readonly kind: 'columns'; readonly words: readonly string[] }
  | { readonly kind: 'setting-values'; readonly setting: string }

const words = (text: string): Fitting => ({ kind: 'words', words: text.split('|') })

const STATEMENTS =
  'abort|alter|analyze|begin|call|checkpoint|close|cluster|comment|commit|copy|create|deallocate|declare|delete from|discard|do|' +
  'drop|end|execute|explain|fetch|grant|import foreign schema|insert into|listen|load|lock|merge into|move|notify|prepare|' +
  'reassign owned|refresh materialized view|reindex|release|reset|revoke|rollback|savepoint|security label|select|set|show|start|' +
  'table|truncate|unlisten|update|vacuum|values|with'
const OBJECTS =
  'access method|aggregate|collation|conversion|database|domain|event trigger|extension|foreign data wrapper|foreign table|' +
  'function|index|language|materialized view|operator|policy|procedure|publication|role|rule|schema|sequence|server|statistics|' +
  'subscription|table|tablespace|text search|trigger|type|user|view'
const AFTER_FROM =
  'where|join|left join|right join|full join|inner join|cross join|group by|having|order by|limit|offset|union|intersect|except|' +
  'for update|as'

/**
 * The candidates after a sequence of words, the most specific rules first. A pattern matches the words before the place, from
 * the beginning of the statement, joined by single blanks, with `#` for each name or value.
 */
const RULES: readonly (readonly [pattern: RegExp, fitting: Fitting])[] = [
  [/^$/, words(STATEMENTS)],
  [
    /^(?:explain|explain analyze|explain verbose|explain \([^)]*\))$/,
    words('analyze|verbose|select|insert into|update|delete from|with|values|table'),
  ],
  [/^set(?: session| local)?$/, { kind: 'settings' }],
  [/^(?:show|reset)$/, { kind: 'settings' }],
  [/^set(?: session| local)? role$/, { kind: 'roles' }],
  [/^set(?: session| local)? [#\w.]+$/, words('to|=')],
  [/^(?:grant|revoke) .*(?: to| from)$|\bowner to$|\bowned by$/, { kind: 'roles' }],
  [/^(?:drop|alter|create) (?:role|user|group)$|^create .*\bauthorization$/, { kind: 'roles' }],
  [/^(?:drop|alter) database$|^comment on database$/, { kind: 'databases' }],
  [/^(?:drop|alter) schema(?: if exists)?$|\bin schema$|\bset schema$|^comment on schema$/, { kind: 'schemas' }],
  [
    /^(?:drop|alter) (?:function|procedure|routine|aggregate)(?: if exists)?$|^call$|\bexecute (?:function|procedure)$/,
    { kind: 'functions' },
  ],
  [/^(?:drop|alter) (?:type|domain)(?: if exists)?$/, { kind: 'types' }],
  [
    /^drop [a-z ]*(?:table|view|sequence|index)(?: if exists)?$|^alter [a-z ]*(?:table|view|sequence|index)(?: if exists)?$/,
    { kind: 'relations' },
  ],
  [
    /^comment on (?:table|view|column|materialized view|sequence|index)$|^lock(?: table)?$|^cluster$|^reindex (?:table|index)$/,
    { kind: 'relations' },
  ],
  [
    /^(?:refresh materialized view|vacuum|analyze|truncate|truncate table|table|copy|lock table|vacuum analyze|vacuum full)$/,
    { kind: 'relations' },
  ],
  [
    /\breferences$|^create (?:unique )?index(?: concurrently)?(?: if not exists)?(?: [#\w]+)? on$|^create .*trigger .* on$/,
    { kind: 'relations' },
  ],
  [/^(?:create|drop|alter)$/, words(OBJECTS)],
  [/^create or replace$/, words('function|procedure|view|trigger|rule|aggregate|language')],
  [/^comment on$/, words(OBJECTS.replace('|domain', '|column|constraint|domain'))],
  [
    /^grant$|^revoke$/,
    words('all|select|insert|update|delete|truncate|references|trigger|create|connect|temporary|execute|usage'),
  ],
  [/^(?:grant|revoke) .*\bon$/, { kind: 'relations' }],
  [/^(?:grant|revoke) .*\bon [#\w.]+$/, words('to|from')],
  [
    /^alter table(?: if exists)? [#\w.]+$/,
    words(
      'add|add column|add constraint|alter column|attach partition|detach partition|disable|drop column|drop constraint|enable|owner to|rename|rename column|rename to|set schema|validate constraint',
    ),
  ],
  [/^alter table(?: if exists)? [#\w.]+ (?:.*, )?(?:alter|drop|rename)(?: column)?$/, { kind: 'columns', words: [] }],
  [/^copy [#\w.]+(?: \( .* \))?$/, words('from|to')],
  [/^copy .* (?:from|to)$/, words('stdin|stdout|program')],
  [/^insert into [#\w.]+$/, words('(|values|select|default values|as|overriding')],
  [/^insert into [#\w.]+ \((?: [#\w]+ ,)*$/, { kind: 'columns', words: [] }],
  [/^insert into [#\w.]+ \([^)]*\)$/, words('values|select|overriding')],
  [/^update [#\w.]+$/, words('set|as')],
  [/^update [#\w.]+(?: as)? ?[#\w]* set(?: .*,)?$/, { kind: 'columns', words: [] }],
  [/^delete from [#\w.]+$/, words('where|using|returning|as')],
  [/\b(?:from|join|into|update|only|using)$|\bfrom (?:[#\w.]+(?: (?:as )?\w+)? ,(?: |$))+$/, { kind: 'relations' }],
  [/\b(?:group|order|partition)$/, words('by')],
  [/\border by .*[#\w)]$/, words('asc|desc|nulls first|nulls last|limit|offset')],
  [/^select$/, { kind: 'columns', words: ['*', 'distinct', 'all'] }],
  [
    /(?:\b(?:where|and|or|not|on|having|by|returning|when|then|else|case|between|in|like|ilike|select|distinct|set|filter)|[,(=<>+*/|-])$/,
    { kind: 'columns', words: [] },
  ],
  [/\b(?:from|join) [#\w.]+(?: as)?(?: \w+)?$/, { kind: 'words', words: [...AFTER_FROM.split('|'), 'on'] }],
]

/** @param before the statement up to the word to be completed */
export function fittingAt(before: string): Fitting {
  const path = wordsOf(before)
  const value = /^set (?:session |local )?([\w.]+) (?:to|=)$/.exec(path)?.[1]
  if (value !== undefined) return { kind: 'setting-values', setting: value }
  // Inside a subquery only the words after its parenthesis count.
  const inner = path.slice(path.lastIndexOf('( select') < 0 || isClosed(path) ? 0 : path.lastIndexOf('( select') + 2)
  for (const [pattern, fitting] of RULES) if (pattern.test(inner)) return fitting
  return { kind: 'columns', words: [] }
}

function isClosed(path: string): boolean {
  const rest = path.slice(path.lastIndexOf('( select'))
  return rest.split('(').length <= rest.split(')').length
}

/** The words since the last semicolon, in lower case, joined by blanks; quoted names and values become `#`. */
function wordsOf(text: string): string {
  const lexer = new SqlLexer(text, true)
  let found: string[] = []
  let isJoined = false
  for (let token = lexer.next(); token !== SQL_TOKEN.END; token = lexer.next()) {
    if (token === SQL_TOKEN.SPACE || token === SQL_TOKEN.COMMENT) {
      isJoined = false
      continue
    }
    if (token === SQL_TOKEN.SEMICOLON) {
      found = []
      continue
    }
    const source = text.slice(lexer.start, lexer.end)
    const word = token === SQL_TOKEN.IDENTIFIER ? source.toLowerCase() : token === SQL_TOKEN.OTHER ? source : '#'
    // A name with its schema counts as one word.
    if (word === '.' || isJoined) found.push(`${found.pop() ?? ''}${word}`)
    else found.push(word)
    isJoined = word === '.'
  }
  return found.join(' ')
}
