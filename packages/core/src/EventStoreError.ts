/**
 * What can go wrong between a program and its event store, in words that no driver has a part in.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { CommitId } from "./CommitId.ts"
import { StreamName } from "./StreamName.ts"

/**
 * What a writer expects of a stream. See `Commit.Expected`.
 *
 * @category models
 * @since 0.1.0
 */
export const Expected = Schema.Union([
  Schema.Int,
  Schema.Literals(["any", "exists"]),
  Schema.Struct({ version: Schema.Int, commitId: CommitId })
])

/**
 * The stream is not where the writer expected it.
 *
 * **Details**
 *
 * `actual` is the version the stream has, 0 for a stream without events. When `expected` names a commit too and
 * `actual` equals its version, another commit wrote that version.
 *
 * @category errors
 * @since 0.1.0
 */
export class Conflict extends Schema.TaggedError<Conflict>("@varve/core/Conflict")("Conflict", {
  stream: StreamName,
  expected: Expected,
  actual: Schema.Int
}) {
  override get message(): string {
    const { category, id } = this.stream
    const expected = typeof this.expected === "object"
      ? `version ${this.expected.version} written by ${this.expected.commitId}`
      : typeof this.expected === "number"
      ? `version ${this.expected}`
      : this.expected === "exists"
      ? "at least one event"
      : "any version"
    return `Stream ${category}/${id} is at version ${this.actual}, expected ${expected}`
  }
}

/**
 * The store cannot be reached, is overloaded, or is held up; nothing of this call was written.
 *
 * **When to use**
 *
 * Retry with a schedule at the edge.
 *
 * @category errors
 * @since 0.1.0
 */
export class Unavailable extends Schema.TaggedError<Unavailable>("@varve/core/Unavailable")("Unavailable", {
  what: Schema.String,
  expected: Schema.String,
  actual: Schema.String
}) {
  override get message(): string {
    return `${this.what}: expected ${this.expected}, got ${this.actual}`
  }
}

/**
 * The commit was sent and its acknowledgement is lost: it may or may not be stored.
 *
 * **When to use**
 *
 * Ask `findCommit` with its id, or send the same commit with the same id again: it is stored once at the most.
 *
 * @category errors
 * @since 0.1.0
 */
export class OutcomeUnknown extends Schema.TaggedError<OutcomeUnknown>("@varve/core/OutcomeUnknown")("OutcomeUnknown", {
  commitId: CommitId
}) {
  override get message(): string {
    return `Commit ${this.commitId} was sent, its acknowledgement was lost: look it up by its id, or send it again with the same id`
  }
}

/**
 * What was asked for is beyond a limit or against a rule of the store; nothing was written.
 *
 * @category errors
 * @since 0.1.0
 */
export class Refused extends Schema.TaggedError<Refused>("@varve/core/Refused")("Refused", {
  what: Schema.String,
  expected: Schema.String,
  actual: Schema.String
}) {
  override get message(): string {
    return `${this.what}: expected ${this.expected}, got ${this.actual}`
  }
}

/**
 * A call of an event store that did not do what it was asked for. The reason says why, by tag.
 *
 * **Example** (Handling one reason)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { EventStore } from "@varve/core"
 *
 * const head = EventStore.EventStore.use((store) => store.head).pipe(
 *   Effect.catchReason("EventStoreError", "Unavailable", () => Effect.succeed(0))
 * )
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class EventStoreError
  extends Schema.TaggedError<EventStoreError>("@varve/core/EventStoreError")("EventStoreError", {
    operation: Schema.Literals([
      "open",
      "append",
      "read",
      "head",
      "findCommit",
      "rows",
      "admin",
      "programs",
      "snapshots"
    ]),
    reason: Schema.Union([Conflict, Unavailable, OutcomeUnknown, Refused])
  })
{
  override get message(): string {
    return this.reason.message
  }
}
