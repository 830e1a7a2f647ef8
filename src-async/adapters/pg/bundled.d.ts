/** Packages that come without declarations. */
declare module 'pg-pool' {
  const Pool: unknown
  export default Pool
}
