/**
 * An option of Node for programs that start the embedded PostgreSQL. Without it V8 compiles the parts that run often a second
 * time, for speed. A program that runs for some seconds gains nothing by that, and takes twice the processor time.
 */
export const QUICK_WASM = '--liftoff-only'
