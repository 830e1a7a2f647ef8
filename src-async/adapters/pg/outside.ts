/**
 * Calls a function of the program. If it throws, syncpg goes on, and the error is thrown on the next tick as an
 * uncaught one.
 */
export function outside(call: () => unknown): void {
  try {
    call()
  } catch (error) {
    process.nextTick(() => {
      throw error
    })
  }
}
