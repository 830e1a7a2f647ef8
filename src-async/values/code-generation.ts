/**
 * Whether functions may be made from source text. The flag `--disallow-code-generation-from-strings` and a security
 * policy can forbid it. Then loops make and decode the rows, with the same results, a little slower.
 */

/** Checked once, because the policy of a process does not change. */
export const canGenerateCode: boolean = (() => {
  try {
    return new Function('return true')() === true
  } catch {
    return false
  }
})()
