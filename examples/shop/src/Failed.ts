/**
 * What the program could not do, in one line for its user.
 */
import { Schema } from "effect"

export class Failed extends Schema.TaggedError<Failed>()("Failed", { message: Schema.String }) {}
