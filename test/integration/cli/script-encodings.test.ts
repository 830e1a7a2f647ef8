/** The encodings of scripts are read as the server reads them: each character of each is compared with `convert_from`. */
import { beforeAll, describe, expect, test } from 'vitest'
import { decoderOf } from '../../../src-sync/repl/io/script-encoding.ts'
import { askServer, sharedServer } from '../../support/shared-server.ts'

const ONE_BYTE = [
  ...['WIN1250', 'WIN1251', 'WIN1252', 'WIN1253', 'WIN1254', 'WIN1255', 'WIN1256', 'WIN1257', 'WIN1258', 'WIN866'],
  ...['WIN874', 'KOI8R', 'KOI8U', 'ISO_8859_5', 'ISO_8859_6', 'ISO_8859_7', 'ISO_8859_8', 'LATIN1', 'LATIN2', 'LATIN3'],
  ...['LATIN4', 'LATIN5', 'LATIN6', 'LATIN7', 'LATIN8', 'LATIN9', 'LATIN10'],
]
const TWO_BYTES = ['EUC_JP', 'SJIS', 'EUC_KR', 'UHC', 'EUC_CN', 'GBK', 'GB18030', 'BIG5']
/**
 * Characters for which the server's tables, of the year 2000, differ from today's Unicode, and characters that the
 * server cannot convert.
 */
const KNOWN = new Map([['GB18030', ['a3a0', 'a8bc']]])

beforeAll(async () => {
  await askServer(
    sharedServer(),
    `create or replace function text_of(bytes bytea, encoding text) returns text language plpgsql as
       $$ begin return convert_from(bytes, encoding); exception when others then return null; end $$`,
  )
})

/** The characters of an encoding that the server reads, by their bytes. */
async function charactersOf(encoding: string, sequences: readonly Buffer[]): Promise<Map<string, string>> {
  const sql = "select encode(b, 'hex') as bytes, text_of(b, $2) as text from unnest($1::bytea[]) b"
  const rows = await askServer<{ bytes: string; text: string | null }>(sharedServer(), sql, [sequences, encoding])
  // U+FFFD stands for bytes that the server does not read as a character.
  const known = rows.filter(({ text }) => text !== null && !text.includes('\ufffd'))
  return new Map(known.map(({ bytes, text }) => [bytes, text!]))
}

const highBytes = Array.from({ length: 128 }, (_, i) => Buffer.from([128 + i]))

describe('every character', () => {
  test.each(ONE_BYTE)('%s', async (encoding) => {
    const decode = decoderOf(encoding)!
    for (const [bytes, text] of await charactersOf(encoding, highBytes)) {
      expect([bytes, decode(Buffer.from(bytes, 'hex'))]).toEqual([bytes, text])
    }
  })

  test.each(TWO_BYTES)('%s, or the bytes are refused', async (encoding) => {
    const decode = decoderOf(encoding)!
    const pairs: Buffer[] = []
    for (let lead = 0x81; lead < 0xff; lead += 1) {
      for (let trail = 0x40; trail < 0xff; trail += 1) pairs.push(Buffer.from([lead, trail]))
    }
    const wrong: string[] = []
    let refused = 0
    const characters = await charactersOf(encoding, pairs)
    for (const [bytes, text] of characters) {
      try {
        if (decode(Buffer.from(bytes, 'hex')) !== text) wrong.push(bytes)
      } catch {
        refused += 1
      }
    }
    expect(wrong).toEqual(KNOWN.get(encoding) ?? [])
    expect(characters.size).toBeGreaterThan(5000)
    expect(refused / characters.size).toBeLessThan(0.02)
  })
})

test('an encoding without a decoder is recognized as such', () => {
  expect([decoderOf('JOHAB'), decoderOf('EUC_TW'), decoderOf('nonsense')]).toEqual([null, null, null])
})
