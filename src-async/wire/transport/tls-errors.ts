/**
 * Turns OpenSSL's errors into messages. An alert says why the server refused the client. With TLS 1.3 an alert may
 * come after the handshake, and then it looks like a lost connection.
 */

export interface TlsWords {
  readonly message: string
  readonly hint: string
}

/** Node's codes for OpenSSL's reasons, such as `ERR_SSL_TLSV1_ALERT_UNKNOWN_CA`. */
const ABOUT_CERTIFICATE =
  /ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_\w+|NO_CERTIFICATE|ACCESS_DENIED|DECRYPT_ERROR)$/
const ABOUT_VERSION = /(NO_PROTOCOLS_AVAILABLE|UNSUPPORTED_PROTOCOL|ALERT_PROTOCOL_VERSION|WRONG_SSL_VERSION)$/

/** @returns null when the error is not one of OpenSSL's */
export function tlsWords(error: unknown): TlsWords | null {
  if (!(error instanceof Error)) return null
  const { code = '', reason = '' } = error as NodeJS.ErrnoException & { readonly reason?: string }
  if (!code.startsWith('ERR_SSL_')) return null
  const what = reason.replace(/^(tlsv1|tlsv13|sslv3) alert /, '') || code
  if (ABOUT_CERTIFICATE.test(code)) {
    return {
      message: `the server refused the client certificate: ${what}`,
      hint: 'look at sslcert and sslkey; the server trusts the authorities of its ssl_ca_file',
    }
  }
  if (ABOUT_VERSION.test(code)) {
    return {
      message: `client and server have no TLS version in common: ${what}`,
      hint: 'look at ssl_min_protocol_version and ssl_max_protocol_version, here and on the server',
    }
  }
  return { message: `the TLS connection failed: ${what}`, hint: 'look at sslmode and the other ssl options' }
}
