/** Operator classes, operator families, and their members: `\dAc`, `\dAf`, `\dAo`, `\dAp`. */
import type { ListRequest } from './ask-catalog.ts'
import { type List, OWNER } from './object-lists.ts'
import { type PatternColumns, patternConditions } from './pattern.ts'

const METHOD: PatternColumns = { schema: null, name: 'am.amname' }
const TYPE: PatternColumns = {
  schema: 'tn.nspname',
  name: 't.typname',
  otherName: 'pg_catalog.format_type(t.oid, null)',
  visible: 'pg_catalog.pg_type_is_visible(t.oid)',
}

/** A name, with its schema when the search path does not find it. */
const named = (isVisible: string, name: string, schema: string, heading: string): string =>
  `case when ${isVisible} then pg_catalog.format('%I', ${name}) else pg_catalog.format('%I.%I', ${schema}, ${name}) end as "${heading}"`
const FAMILY = named('pg_catalog.pg_opfamily_is_visible(f.oid)', 'f.opfname', 'fn.nspname', 'Operator family')
const FAMILIES = `left join pg_catalog.pg_am am on am.oid = f.opfmethod
  left join pg_catalog.pg_namespace fn on fn.oid = f.opfnamespace`
/** The second pattern of `\dAo` and `\dAp`. Without it, nothing is hidden. */
const familyPattern = ({ second }: ListRequest): Partial<List> =>
  second === undefined ? {} : { secondPattern: { schema: 'fn.nspname', name: 'f.opfname' } }

export const OPERATOR_LISTS: Readonly<Record<string, (how: ListRequest) => List>> = {
  Ac: ({ second }) => ({
    title: 'List of operator classes',
    columns: [
      'am.amname as "AM"',
      'pg_catalog.format_type(c.opcintype, null) as "Input type"',
      `case when c.opckeytype not in (0, c.opcintype) then pg_catalog.format_type(c.opckeytype, null) end as "Storage type"`,
      named('pg_catalog.pg_opclass_is_visible(c.oid)', 'c.opcname', 'n.nspname', 'Operator class'),
      `case when c.opcdefault then 'yes' else 'no' end as "Default?"`,
    ],
    more: [FAMILY, OWNER('c.opcowner')],
    from: `pg_catalog.pg_opclass c left join pg_catalog.pg_am am on am.oid = c.opcmethod
  left join pg_catalog.pg_namespace n on n.oid = c.opcnamespace
  left join pg_catalog.pg_type t on t.oid = c.opcintype left join pg_catalog.pg_namespace tn on tn.oid = t.typnamespace
  left join pg_catalog.pg_opfamily f on f.oid = c.opcfamily left join pg_catalog.pg_namespace fn on fn.oid = f.opfnamespace`,
    pattern: METHOD,
    ...(second === undefined ? {} : { secondPattern: TYPE }),
    order: '1, 2, 4',
  }),
  Af: ({ second }) => ({
    title: 'List of operator families',
    columns: [
      'am.amname as "AM"',
      FAMILY,
      `(select pg_catalog.string_agg(pg_catalog.format_type(oc.opcintype, null), ', ') from pg_catalog.pg_opclass oc
    where oc.opcfamily = f.oid) as "Applicable types"`,
    ],
    more: [OWNER('f.opfowner')],
    from: `pg_catalog.pg_opfamily f ${FAMILIES}`,
    where:
      second === undefined
        ? []
        : [
            `exists (select from pg_catalog.pg_type t join pg_catalog.pg_opclass oc on oc.opcintype = t.oid
    left join pg_catalog.pg_namespace tn on tn.oid = t.typnamespace
    where oc.opcfamily = f.oid and ${patternConditions(second, TYPE).join(' and ')})`,
          ],
    pattern: METHOD,
    order: '1, 2',
  }),
  Ao: (how) => ({
    title: 'List of operators of operator families',
    columns: [
      'am.amname as "AM"',
      FAMILY,
      'o.amopopr::pg_catalog.regoperator as "Operator"',
      'o.amopstrategy as "Strategy"',
      `case o.amoppurpose when 'o' then 'ordering' when 's' then 'search' end as "Purpose"`,
    ],
    more: ['ofs.opfname as "Sort opfamily"'],
    from: `pg_catalog.pg_amop o left join pg_catalog.pg_opfamily f on f.oid = o.amopfamily ${FAMILIES}
  left join pg_catalog.pg_opfamily ofs on ofs.oid = o.amopsortfamily`,
    pattern: METHOD,
    ...familyPattern(how),
    order: `1, 2, o.amoplefttype = o.amoprighttype desc, pg_catalog.format_type(o.amoplefttype, null),
  pg_catalog.format_type(o.amoprighttype, null), o.amopstrategy`,
  }),
  Ap: (how) => ({
    title: 'List of support functions of operator families',
    columns: [
      'am.amname as "AM"',
      FAMILY,
      'pg_catalog.format_type(ap.amproclefttype, null) as "Registered left type"',
      'pg_catalog.format_type(ap.amprocrighttype, null) as "Registered right type"',
      'ap.amprocnum as "Number"',
      `${how.isVerbose ? 'ap.amproc::pg_catalog.regprocedure' : 'p.proname'} as "Function"`,
    ],
    more: [],
    from: `pg_catalog.pg_amproc ap left join pg_catalog.pg_opfamily f on f.oid = ap.amprocfamily ${FAMILIES}
  left join pg_catalog.pg_proc p on p.oid = ap.amproc`,
    pattern: METHOD,
    ...familyPattern(how),
    order: '1, 2, ap.amproclefttype = ap.amprocrighttype desc, 3, 4, 5',
  }),
}
