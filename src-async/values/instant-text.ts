/** An instant in a form that the server reads in any DateStyle: ISO 8601, with BC instead of negative years and year 0. */

/** @param value a valid date; a PgTimestamp prints its microseconds */
export function instantText(value: Date): string {
  const iso = value.toISOString()
  const match = /^([+-])(\d{6})(.*)$/.exec(iso)
  const year = match === null ? value.getUTCFullYear() : match[1] === '-' ? -Number(match[2]) : Number(match[2])
  const rest = match?.[3] ?? iso.slice(4)
  return year > 0 ? `${String(year).padStart(4, '0')}${rest}` : `${String(1 - year).padStart(4, '0')}${rest} BC`
}

/** An instant as the server prints it with DateStyle ISO in the zone UTC: `2024-02-29 12:00:00.5+00`. */
export function printedInstant(value: Date): string {
  return instantText(value).replace(/T(.{8})(?:\.(\d*?)0*)?Z/, (_, clock: string, fraction: string | undefined) => {
    return ` ${clock}${fraction === undefined || fraction === '' ? '' : `.${fraction}`}+00`
  })
}
