import * as Effect from "effect/Effect"
import type * as JsonPatch from "effect/JsonPatch"
import * as Schema from "effect/Schema"
import { Refused } from "../EventStoreError.ts"
import { ExecutionError } from "../ExecutionError.ts"
import { reasonOf } from "./definition.ts"
import type { Loaded } from "./instance.ts"
import type { At, Definition } from "./running.ts"

/** The state of an instance at two points, and what leads from one to the other. */
export const diff = (
  definition: Definition,
  load: (id: string, at?: At) => Effect.Effect<Loaded, ExecutionError>,
  id: string,
  points: { readonly from: At; readonly to?: At | undefined }
): Effect.Effect<
  { readonly before: unknown; readonly after: unknown; readonly patch: JsonPatch.JsonPatch },
  ExecutionError
> =>
  Effect.gen(function*() {
    const { state: before } = yield* load(id, points.from)
    const { state: after } = yield* load(id, points.to)
    return yield* Effect.try({
      // States are plain data: their schemas ask for no services.
      try: () => {
        const differ = Schema.toDifferJsonPatch(definition.state as Schema.Codec<unknown, unknown>)
        return { before, after, patch: differ.diff(before, after) }
      },
      catch: (error) =>
        new ExecutionError({
          aggregate: definition.name,
          id,
          reason: new Refused({
            what: `state of ${definition.name}`,
            expected: "what its schema describes",
            actual: reasonOf(error)
          })
        })
    })
  })
