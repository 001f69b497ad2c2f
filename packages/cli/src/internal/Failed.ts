import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"

/** What could not be done, in a message for whoever typed the command. The process ends with 2. */
export class Failed extends Schema.TaggedError<Failed>("@varve/cli/Failed")("Failed", {
  message: Schema.String,
  /** What it came from, for a command that can tell more of it. */
  cause: Schema.optional(Schema.Defect())
}) {
  override readonly [Runtime.errorExitCode] = 2
}

/** Names the thing, what it was expected to be, and what it is. */
export const failed = (what: string, expected: string, actual: string): Failed =>
  new Failed({ message: `${what}: expected ${expected}, got ${actual}` })

/** Something is wrong with what was looked at, and was told already. The process ends with 1. */
export class Found extends Schema.TaggedError<Found>("@varve/cli/Found")("Found", { message: Schema.String }) {
  override readonly [Runtime.errorExitCode] = 1
  override readonly [Runtime.errorReported] = false
}
