/**
 * What the program could not do, in one line for its user.
 */
import { Schema } from "effect"

export class Failed extends Schema.TaggedError<Failed>()("Failed", { message: Schema.String }) {}

/** Names the thing, what it was expected to be, and what it is. */
export const failed = (what: string, expected: string, actual: string): Failed =>
  new Failed({ message: `${what}: expected ${expected}, got ${actual}` })
