/**
 * Whether functions may be made from source text. They may not under `--disallow-code-generation-from-strings` and in
 * realms with such a policy; then rows are made and decoded by plain loops that behave identically, a little slower.
 */

/** Asked once: the policy of a process does not change. */
export const canGenerateCode: boolean = (() => {
  try {
    return new Function('return true')() === true
  } catch {
    return false
  }
})()
