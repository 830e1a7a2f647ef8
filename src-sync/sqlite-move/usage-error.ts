/** What a command of this room refuses: it is printed without a stack. */
export class MoveError extends Error {}
