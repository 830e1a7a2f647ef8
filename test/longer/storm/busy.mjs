/** Uses a processor in bursts of random length, as other work on the machine would. Ends with its parent. */
const pause = new Int32Array(new SharedArrayBuffer(4))
process.on('disconnect', () => process.exit())

function burn() {
  const untilMs = Date.now() + Math.random() * 1000
  let sum = 0
  while (Date.now() < untilMs) {
    for (let i = 0; i < 5000; i++) sum += Math.sqrt(sum + i)
    if (Math.random() < 0.02) Atomics.wait(pause, 0, 0, Math.random())
  }
  // Between two bursts the machine is idle, because on a busy machine fewer calls take the fast path.
  setTimeout(burn, Math.random() * 1500)
}
burn()
