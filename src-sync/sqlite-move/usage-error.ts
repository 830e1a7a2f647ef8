/** An error of these commands that the user can mend; it is printed without a stack. */
export class MoveError extends Error {}
