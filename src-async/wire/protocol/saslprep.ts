/**
 * SASLprep (RFC 4013) as PostgreSQL applies it to passwords: ASCII is not changed. A password that the profile
 * forbids is used unchanged; it is not refused. Source of truth: RFC 3454's tables, src/common/saslprep.c.
 */

/**
 * RFC 3454 table C.1.2: spaces other than U+0020. This and the next patterns are functions, so that they are compiled only
 * when a password needs them: Unicode classes take time to compile.
 */
const otherSpaces = () => /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/gu
/** Table B.1: characters that are removed. It is an alternation, because some of them would combine with others in a class. */
const nothing = () => /\u00ad|\u034f|\u1806|[\u180b-\u180d]|\u200c|\u200d|\u2060|[\ufe00-\ufe0f]|\ufeff/gu
/** Tables C.2 to C.9: controls, private use, non-characters, surrogates, display and tagging characters. */
const prohibited = () =>
  new RegExp(
    '[\\u0000-\\u001f\\u007f-\\u009f\\u06dd\\u070f\\u180e\\u200c-\\u200f\\u2028-\\u202e\\u2060-\\u2063\\u206a-\\u206f' +
      '\\u2ff0-\\u2ffb\\u0340\\u0341\\ue000-\\uf8ff\\ufdd0-\\ufdef\\ufeff\\ufff9-\\uffff\\u{1d173}-\\u{1d17a}' +
      '\\u{e0001}\\u{e0020}-\\u{e007f}\\u{f0000}-\\u{10ffff}\\p{Cs}]|[\\u{1fffe}\\u{1ffff}\\u{2fffe}\\u{2ffff}]',
    'u',
  )
const unassigned = () => /\p{Cn}/u
const rightToLeft = () => /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\u200f]/u
const leftToRight = () => /[\p{Lu}\p{Ll}\p{Lt}]/u

export function saslprep(password: string): string {
  // eslint-disable-next-line no-control-regex -- the range is all of ASCII, with the control characters.
  if (/^[\u0000-\u007f]*$/.test(password)) return password
  const prepared = password.replace(otherSpaces(), ' ').replace(nothing(), '').normalize('NFKC')
  if (prepared === '' || prohibited().test(prepared) || unassigned().test(prepared)) return password
  if (rightToLeft().test(prepared)) {
    const characters = [...prepared]
    const isFramed = rightToLeft().test(characters[0]!) && rightToLeft().test(characters.at(-1)!)
    if (!isFramed || leftToRight().test(prepared)) return password
  }
  return prepared
}
