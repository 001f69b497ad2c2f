/**
 * What an actor is told who may not do what they asked for.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * The policy in force does not let the actor do this. Nothing was decided, and nothing was written.
 *
 * **Details**
 *
 * A reason of `ExecutionError`, which names the aggregate and the instance, and of `ProjectionError`, which names the
 * projection.
 *
 * @category errors
 * @since 0.1.0
 */
export class Forbidden extends Schema.TaggedError<Forbidden>("@varve/core/Forbidden")("Forbidden", {
  /** The rule that said no: tag of a command, `read` of an aggregate, `get` or `list` of a projection. */
  what: Schema.String,
  /** Id of the actor; empty for who is anonymous. */
  actor: Schema.String
}) {
  override get message(): string {
    return `${this.what}: expected an actor who may, got ${
      this.actor === "" ? "an anonymous one" : JSON.stringify(this.actor)
    }`
  }
}
