/** Upcasts and splits, tried with generated payloads. */
import * as Event from "@varve/core/Event"
import { Laws } from "@varve/core/testing"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Project, ReadStored } from "./catalogCode.ts"
import { type Finding, messageOf } from "./catalogModel.ts"
import * as text from "./catalogText.ts"

/** Documented at `Catalog.UpcastOptions`. */
export interface Options {
  readonly runs: number
  readonly seed: string | number
}

/** Complexity of generated payloads: effect's own default. */
const payloadSize = 10

/** Most candidates that the search for a smaller counterexample looks at. */
const shrinksLimit = 1_000

const notChecked = (event: string, revision: number | undefined, why: string): Finding => ({
  kind: "NotChecked",
  event,
  revision,
  what: `nothing can be generated from its schemas, so its upcasts are tried with golden payloads only: ${why}`,
  remedy: "add payloads to golden.byHand in the catalogue, as they lie in a store"
})

/** `hop` is the revision whose upcast fails; none when it is not one of them. */
const fails = (
  event: string,
  revision: number | undefined,
  hop: number | undefined,
  why: string,
  { seed }: Options
): Finding => ({
  kind: "UpcastFails",
  event,
  revision,
  what: `${why}; seed ${JSON.stringify(seed)}`,
  remedy: `let the ${hop === undefined ? "split" : `upcast of revision ${hop}`} take every payload that revision`
    + ` ${revision ?? "n"} accepts; try it with varve catalog check --seed ${seed}`
})

/** What the law of upcasts gives as a counterexample. */
const Example = Schema.Struct({ revision: Schema.Int, payload: Schema.Unknown })
const isExample = Schema.is(Example)

const toText = (value: unknown): string => {
  try {
    return JSON.stringify(value)
  } catch {
    return String(value)
  }
}

/** The law of upcasts, of one definition. */
const checkEvent = (event: Event.Any, options: Options): Effect.Effect<ReadonlyArray<Finding>> =>
  Laws.upcasts(event, options).pipe(
    Effect.as<ReadonlyArray<Finding>>([]),
    Effect.catch(({ counterexample, why }) => {
      const example = isExample(counterexample) ? counterexample : undefined
      const read = example && Event.decode(event, example)
      const hop = read !== undefined && Result.isFailure(read) ? read.failure.revision : event.revision
      const payload = toText(example === undefined ? counterexample : example.payload)
      const what = `a payload that its schema accepts is not read: ${why}; payload ${payload}`
      return Effect.succeed([fails(event.tag, example?.revision, hop, what, options)])
    }),
    // The laws die of what they cannot generate.
    Effect.catchDefect((defect) => Effect.succeed([notChecked(event.tag, undefined, messageOf(defect))]))
  )

/** Every payload of what is split becomes what the split says. */
const checkSplit = Effect.fnUntraced(
  function*(from: Event.Any, category: string, read: ReadStored, options: Options) {
    for (const revision of from.revisions) {
      const encode = Schema.encodeUnknownResult(Schema.toCodecJson(revision.schema))
      const result = yield* Arbitrary.checkEffect(
        Arbitrary.schema(revision.schema),
        (value) => {
          const payload = encode(value)
          // What cannot be encoded was never stored; the codec has made JSON of what can.
          if (Result.isFailure(payload)) return Effect.succeed(true)
          const split = read(from.tag, revision.revision, payload.success as Schema.Json, category)
          return Result.isSuccess(split)
            ? Effect.succeed(true)
            : Effect.fail({ payload: payload.success as Schema.Json, cause: split.failure })
        },
        { ...options, size: payloadSize, maxShrinks: shrinksLimit }
      )
      if (result._tag === "Falsified" && result.failure._tag !== "ReturnedFalse") {
        const { cause, payload } = result.failure.error
        const why = `${cause.why}${cause.cause === undefined ? "" : `: ${messageOf(cause.cause)}`}`
        const what = `a payload that its schema accepts is not split: ${why}; payload ${text.line(payload)}`
        return [fails(from.tag, revision.revision, undefined, what, options)]
      }
    }
    return []
  }
)

/** Tries every definition that reads older revisions, and every split. */
export const check = Effect.fnUntraced(function*(project: Project, options: Options) {
  const findings: Array<Finding> = []
  const known = Array.from(project.known.values())
  const events = new Set(known.flatMap(({ event }) => event === undefined || event.revision === 1 ? [] : [event]))
  for (const event of events) findings.push(...yield* checkEvent(event, options))
  const failed = new Set(findings.map(({ event }) => event))
  const read = project.reader()
  for (const { categories, event, read: { _tag }, type } of known) {
    // What is not lifted is not split either, and is told above.
    if (_tag !== "Split" || event === undefined || failed.has(type)) continue
    findings.push(
      ...yield* Effect.catchDefect(
        checkSplit(event, categories[0] ?? type, read, options),
        (defect) => Effect.succeed([notChecked(type, undefined, messageOf(defect))])
      )
    )
  }
  return findings
})
