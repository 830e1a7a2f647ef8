/**
 * The encoding of a script's bytes: UTF-8, until the script itself sets another one with `SET client_encoding`, as the first
 * lines of a dump do. It applies only to reading the script; the server always gets UTF-8. Names: PostgreSQL manual,
 * "Character Set Support". Node's own decoders follow the web's standard and are not used: their tables of the same names have
 * other characters, and Node 20 reads windows-1252 as if it were ISO 8859-1.
 */
import { createRequire } from 'node:module'

/** Decodes the bytes of whole lines. @throws TypeError for bytes that are invalid in the encoding. */
export type DecodeLines = (bytes: Uint8Array) => string

const SET = /^\s*set\s+(?:session\s+|local\s+)?(?:client_encoding\s*(?:=|\bto\b)|names)\s*'?([\w-]+)'?\s*;?\s*$/i

/**
 * iconv-lite's names for the server's encodings. Each was compared with the server's `convert_from`, character by character.
 * iconv-lite does not have the missing ones (JOHAB, EUC_TW, the JIS of 2004).
 */
const CODECS: Readonly<{ [name: string]: string }> = {
  latin1: 'iso88591',
  iso88591: 'iso88591',
  latin2: 'iso88592',
  latin3: 'iso88593',
  latin4: 'iso88594',
  latin5: 'iso88599',
  latin6: 'iso885910',
  latin7: 'iso885913',
  latin8: 'iso885914',
  latin9: 'iso885915',
  latin10: 'iso885916',
  iso88595: 'iso88595',
  iso88596: 'iso88596',
  iso88597: 'iso88597',
  iso88598: 'iso88598',
  koi8: 'koi8r',
  koi8r: 'koi8r',
  koi8u: 'koi8u',
  alt: 'cp866',
  win866: 'cp866',
  win874: 'cp874',
  win: 'win1251',
  eucjp: 'eucjp',
  sjis: 'shiftjis',
  shiftjis: 'shiftjis',
  mskanji: 'shiftjis',
  win932: 'shiftjis',
  windows932: 'shiftjis',
  euckr: 'euckr',
  uhc: 'cp949',
  win949: 'cp949',
  windows949: 'cp949',
  euccn: 'gb2312',
  gbk: 'gbk',
  win936: 'gbk',
  windows936: 'gbk',
  gb18030: 'gb18030',
  big5: 'cp950',
  win950: 'cp950',
  windows950: 'cp950',
}

/** Names that mean UTF-8. SQL_ASCII is one, because the server takes its bytes unchanged. */
const UTF8_NAMES: ReadonlySet<string> = new Set(['utf8', 'unicode', 'default', 'sqlascii'])

/** Characters that are different in the server's tables. */
const CORRECTIONS: Readonly<{ [codec: string]: Readonly<{ [character: string]: string }> }> = {
  gb2312: { '\u00b7': '\u30fb', '\u2014': '\u2015' },
  cp950: {
    '\u2027': '\u2022',
    '\ufe51': '\uff64',
    '\u00af': '\u203e',
    '\uff5e': '\u223c',
    '\u2295': '\u2641',
    '\u2299': '\u2609',
    '\u2215': '\uff0f',
    '\ufe68': '\uff3c',
    '\uffe5': '\u00a5',
    '\uffe0': '\u00a2',
    '\uffe1': '\u00a3',
  },
}

/** The part of iconv-lite that is used. It is loaded when a script sets an encoding. */
interface Iconv {
  decode(bytes: Uint8Array, codec: string): string
}

/** The encoding that a statement sets; null for other statements. */
export function encodingSetBy(sql: string): string | null {
  return SET.exec(sql)?.[1] ?? null
}

/** The decoder for one of the server's encodings; null when it is not supported. */
export function decoderOf(encoding: string): DecodeLines | null {
  const name = plainName(encoding)
  if (isUtf8(encoding)) {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
    return (bytes) => decoder.decode(bytes)
  }
  const codec = CODECS[name] ?? (/^win(?:dows)?125\d$/.test(name) ? `win${name.slice(-4)}` : null)
  if (codec === null) return null
  const iconv = createRequire(import.meta.url)('iconv-lite') as Iconv
  const corrections = CORRECTIONS[codec] ?? {}
  const wrong = new RegExp(`[${Object.keys(corrections).join('')}]`, 'g')
  return (bytes) => {
    const text = iconv.decode(bytes, codec)
    // iconv-lite has no strict mode and returns this character for invalid bytes.
    if (text.includes('\ufffd')) throw new TypeError(`the bytes are not valid text in ${encoding}`)
    return text.replace(wrong, (character) => corrections[character]!)
  }
}

/** Whether bytes in an encoding are sent unchanged. */
export function isUtf8(encoding: string): boolean {
  return UTF8_NAMES.has(plainName(encoding))
}

function plainName(encoding: string): string {
  return encoding.toLowerCase().replaceAll(/[^a-z0-9]/g, '')
}
