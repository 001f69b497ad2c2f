/**
 * Names commits: the idempotency key of everything that is written.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as digest from "./internal/digest.ts"
import * as uuid from "./internal/uuid.ts"

const pattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/**
 * Id of a commit: a UUID in lower case.
 *
 * **Details**
 *
 * A commit id is an idempotency key for ever: what was written under an id once is never written again.
 *
 * @category models
 * @since 0.1.0
 */
export const CommitId = Schema.String.check(
  Schema.isPattern(pattern, { expected: "a UUID in lower case" })
).pipe(Schema.brand("@varve/core/CommitId"))

/**
 * Id of a commit: a UUID in lower case.
 *
 * @category models
 * @since 0.1.0
 */
export type CommitId = typeof CommitId.Type

/**
 * Tells whether a value is a commit id.
 *
 * @category guards
 * @since 0.1.0
 */
export const is = (value: unknown): value is CommitId => typeof value === "string" && pattern.test(value)

/**
 * Takes a UUID as a commit id. Throws when it is none.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (uuid: string): CommitId => CommitId.make(uuid.toLowerCase())

/**
 * A new id that sorts after those made before it in this process (UUID version 7, RFC 9562).
 *
 * @category constructors
 * @since 0.1.0
 */
export const generate: Effect.Effect<CommitId> = /* @__PURE__ */ Effect.sync(() => generateUnsafe())

/**
 * A new id, outside of an effect.
 *
 * @category constructors
 * @since 0.1.0
 */
// The generator yields a lower-case UUID, which is what the brand says.
export const generateUnsafe = (): CommitId => uuid.v7() as CommitId

/**
 * The same id for the same parts: for imports, and for keys that are not UUIDs.
 *
 * **Details**
 *
 * UUID version 8 (RFC 9562) from the first 122 bits of the SHA-256 of the parts. The parts are separated, so
 * `["ab", "c"]` and `["a", "bc"]` differ. An id belongs to the whole store: where several tenants do the same, the
 * tenant is one of the parts.
 *
 * **Example** (An id for each line of a file)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { CommitId } from "@varve/core"
 *
 * const same = Effect.gen(function*() {
 *   const first = yield* CommitId.derive("import", "transactions.csv", "17")
 *   const again = yield* CommitId.derive("import", "transactions.csv", "17")
 *   return first === again
 * })
 *
 * Effect.runPromise(same) // => true
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const derive = (...parts: ReadonlyArray<string>): Effect.Effect<CommitId> =>
  Effect.map(digest.sha256(JSON.stringify(parts)), (bytes) => {
    bytes[6] = (bytes[6]! & 0x0F) | 0x80
    bytes[8] = (bytes[8]! & 0x3F) | 0x80
    const hex = digest.hex(bytes.subarray(0, 16))
    // Eight, four, four, four and twelve hexadecimal digits: a UUID in lower case, which is what the brand says.
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${
      hex.slice(20)
    }` as CommitId
  })
