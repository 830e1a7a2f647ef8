/**
 * IP addresses as text and bytes, printed as the server prints them. Does not use node:net's parser, because the sync API's
 * user thread never loads that module.
 */

/** The 4 or 16 bytes of an address; null when the text is not one. */
export function parseAddress(text: string): Uint8Array | null {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text)
}

/** The text of 4 or 16 bytes. */
export function addressText(bytes: Uint8Array): string {
  return bytes.length === 4 ? bytes.join('.') : ipv6Text(bytes)
}

function parseIpv4(text: string): Uint8Array | null {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)
  if (match === null) return null
  const parts = match.slice(1).map(Number)
  return parts.every((part) => part <= 255) ? Uint8Array.from(parts) : null
}

function parseIpv6(text: string): Uint8Array | null {
  const halves = text.split('::')
  if (halves.length > 2) return null
  const head = groupsOf(halves[0] ?? '', halves.length === 1)
  const tail = halves.length === 1 ? [] : groupsOf(halves[1] ?? '', true)
  if (head === null || tail === null) return null
  const missing = 8 - head.length - tail.length
  // "::" stands for at least one group.
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail]
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255]))
}

function groupsOf(text: string, mayEndInIpv4: boolean): number[] | null {
  if (text === '') return []
  const groups: number[] = []
  const words = text.split(':')
  for (const [i, word] of words.entries()) {
    if (mayEndInIpv4 && i === words.length - 1 && word.includes('.')) {
      const bytes = parseIpv4(word)
      if (bytes === null) return null
      groups.push((bytes[0]! << 8) | bytes[1]!, (bytes[2]! << 8) | bytes[3]!)
    } else {
      if (!/^[0-9a-f]{1,4}$/i.test(word)) return null
      groups.push(Number.parseInt(word, 16))
    }
  }
  return groups
}

function ipv6Text(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[i * 2]! << 8) | bytes[i * 2 + 1]!)
  const { start, length } = longestZeros(groups)
  // Addresses that embed an IPv4 address (RFC 4291) are printed with it, as inet_ntop does.
  const hasIpv4 = start === 0 && (length === 6 || (length === 5 && groups[5] === 0xffff))
  const words = groups.map((group) => group.toString(16))
  if (hasIpv4) {
    const prefix = length === 5 ? '::ffff:' : '::'
    return prefix + bytes.subarray(12).join('.')
  }
  if (length < 2) return words.join(':')
  return `${words.slice(0, start).join(':')}::${words.slice(start + length).join(':')}`
}

function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: -1, length: 0 }
  for (let i = 0; i < groups.length; i += 1) {
    let length = 0
    while (groups[i + length] === 0) length += 1
    if (length > best.length) best = { start: i, length }
    i += length
  }
  return best
}
