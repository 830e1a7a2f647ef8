/** Calls what a program wrote. What it throws is the program's, and nothing of ours shall fail by it: the process hears it. */
export function outside(call: () => unknown): void {
  try {
    call()
  } catch (error) {
    process.nextTick(() => {
      throw error
    })
  }
}
