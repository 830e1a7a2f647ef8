/** An error that the user of these commands can correct. It is printed without a stack. */
export class MoveError extends Error {}
