/**
 * The encoding of a script's bytes: UTF-8, until the script itself says another with `SET client_encoding`, as the first
 * lines of a dump do. Only the bytes are read in it: what goes to the server is UTF-8.
 * Names: PostgreSQL manual, "Character Set Support"; https://encoding.spec.whatwg.org/#names-and-labels
 */

/** Turns the bytes of whole lines into text. @throws TypeError for bytes that are no text in the encoding. */
export type DecodeLines = (bytes: Uint8Array) => string

const SET = /^\s*set\s+(?:session\s+|local\s+)?(?:client_encoding\s*(?:=|\bto\b)|names)\s*'?([\w-]+)'?\s*;?\s*$/i

/** Labels of the encodings whose names do not say it. */
const LABELS: Readonly<{ [name: string]: string }> = {
  utf8: 'utf-8',
  unicode: 'utf-8',
  default: 'utf-8',
  // The server takes such bytes as they are.
  sqlascii: 'utf-8',
  latin2: 'iso-8859-2',
  latin3: 'iso-8859-3',
  latin4: 'iso-8859-4',
  latin5: 'windows-1254',
  latin6: 'iso-8859-10',
  latin7: 'iso-8859-13',
  latin8: 'iso-8859-14',
  latin9: 'iso-8859-15',
  latin10: 'iso-8859-16',
  iso88595: 'iso-8859-5',
  iso88596: 'iso-8859-6',
  iso88597: 'iso-8859-7',
  iso88598: 'iso-8859-8',
  koi8: 'koi8-r',
  koi8r: 'koi8-r',
  koi8u: 'koi8-u',
  alt: 'ibm866',
  win866: 'ibm866',
  win874: 'windows-874',
  win: 'windows-1251',
  eucjp: 'euc-jp',
  sjis: 'shift_jis',
  shiftjis: 'shift_jis',
  mskanji: 'shift_jis',
  win932: 'shift_jis',
  windows932: 'shift_jis',
  euckr: 'euc-kr',
  uhc: 'euc-kr',
  win949: 'euc-kr',
  windows949: 'euc-kr',
  euccn: 'gbk',
  gbk: 'gbk',
  win936: 'gbk',
  windows936: 'gbk',
  gb18030: 'gb18030',
  big5: 'big5',
  win950: 'big5',
  windows950: 'big5',
}

/** The encoding that a statement sets for what follows; null for any other statement. */
export function encodingSetBy(sql: string): string | null {
  return SET.exec(sql)?.[1] ?? null
}

/** How to read an encoding of the server's; null for one that is not known here. */
export function decoderOf(encoding: string): DecodeLines | null {
  const name = plainName(encoding)
  // What the web calls iso-8859-1 has other characters from 128 to 159.
  if (name === 'latin1' || name === 'iso88591') return (bytes) => Buffer.from(bytes).toString('latin1')
  const label = LABELS[name] ?? (/^win(?:dows)?125\d$/.test(name) ? `windows-${name.slice(-4)}` : null)
  if (label === null) return null
  const decoder = new TextDecoder(label, { fatal: true, ignoreBOM: true })
  return (bytes) => decoder.decode(bytes)
}

/** Whether bytes in an encoding are sent as they are. */
export function isUtf8(encoding: string): boolean {
  return LABELS[plainName(encoding)] === 'utf-8'
}

function plainName(encoding: string): string {
  return encoding.toLowerCase().replaceAll(/[^a-z0-9]/g, '')
}
