/** Payloads as they lie in stores: generated from a schema, the same ones every time, and checked against it. */
import type * as Event from "@varve/core/Event"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as text from "./catalogText.ts"

/** Sizes of the payloads that are kept of one revision, one payload of each. */
const sizes = [0, 1, 2, 4, 8]

/** Payloads generated of each size, of which the one is kept that shows most of what the others do not. */
const candidates = 24

/** Whether every store takes the value, and gives it back unchanged. */
const isStorable = (value: unknown): value is Schema.Json => {
  switch (typeof value) {
    case "string":
      return value.isWellFormed() && !value.includes("\u0000")
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0)
    case "boolean":
      return true
    case "object":
      if (value === null) return true
      return Array.isArray(value)
        ? value.every(isStorable)
        : Object.entries(value).every(([key, item]) => key !== "__proto__" && isStorable(key) && isStorable(item))
    default:
      return false
  }
}

/** Of which kind a value is that has no parts: what checks ask of texts and numbers, told roughly. */
const kindOf = (value: Schema.Json): string => {
  if (typeof value === "string") return value.length <= 1 ? `text of ${value.length}` : "text"
  if (typeof value === "number") return `${Number.isInteger(value) ? "whole" : "part"} ${Math.sign(value)}`
  return String(value)
}

/** The kinds of values in a payload and where they are: what tells one payload from another. */
const features = (value: Schema.Json, path = ""): ReadonlyArray<string> => {
  if (typeof value !== "object" || value === null) return [`${path}:${kindOf(value)}`]
  // `Array.isArray` does not narrow what is readonly.
  const members = Array.isArray(value)
    ? (value as ReadonlyArray<Schema.Json>).map((item) => ["[]", item] as const)
    : Object.entries(value as Schema.JsonObject)
  const tag = !Array.isArray(value) && "_tag" in value ? `:${text.line(value["_tag"] ?? null)}` : ""
  return [
    `${path}:${members.length === 0 ? "none" : "some"}${tag}`,
    ...members.flatMap(([key, item]) => features(item, `${path}/${key}`))
  ]
}

interface Codec {
  readonly encode: (value: unknown) => Result.Result<unknown, Schema.SchemaError>
  readonly decode: (payload: unknown) => Result.Result<unknown, Schema.SchemaError>
}

const codecs = new WeakMap<Event.Revision, Codec>()

const codecOf = (revision: Event.Revision): Codec => {
  const known = codecs.get(revision)
  if (known !== undefined) return known
  const json = Schema.toCodecJson(revision.schema)
  const made = { encode: Schema.encodeUnknownResult(json), decode: Schema.decodeUnknownResult(json) }
  codecs.set(revision, made)
  return made
}

/** What a payload is written as when it was read by the schema of its own revision. */
export const rewritten = (revision: Event.Revision, payload: Schema.Json): Result.Result<unknown, Schema.SchemaError> =>
  revision.empty ? Result.succeed({}) : Result.flatMap(codecOf(revision).decode(payload), codecOf(revision).encode)

const arbitraryOf = (revision: Event.Revision): Arbitrary.Arbitrary<unknown> | undefined => {
  try {
    return Arbitrary.schema(revision.schema)
  } catch {
    // Some schemas cannot be generated from: their payloads are written by hand.
    return undefined
  }
}

/** Payloads of a revision, none where its schema generates none. Told by type and revision only. */
export const generate = Effect.fnUntraced(function*(type: string, revision: Event.Revision) {
  if (revision.empty) return [{}]
  const arbitrary = arbitraryOf(revision)
  if (arbitrary === undefined) return []
  const kept: Array<Schema.Json> = []
  const lines = new Set<string>()
  const shown = new Set<string>()
  for (const size of sizes) {
    const seed = `${type}/${revision.revision}/${size}`
    const values = yield* Arbitrary.sampleEffect(arbitrary, { count: candidates, size, seed }).pipe(
      // What is too rare to be found gives no payload of this size.
      Effect.orElseSucceed((): ReadonlyArray<unknown> => [])
    )
    let best: { readonly payload: Schema.Json; readonly wins: number } | undefined
    for (const value of values) {
      const encoded = codecOf(revision).encode(value)
      if (Result.isFailure(encoded) || !isStorable(encoded.success)) continue
      const payload = encoded.success
      if (lines.has(text.line(payload))) continue
      const again = rewritten(revision, payload)
      if (Result.isFailure(again) || !isStorable(again.success) || text.line(again.success) !== text.line(payload)) {
        continue
      }
      const wins = features(payload).filter((feature) => !shown.has(feature)).length
      if (best === undefined || wins > best.wins) best = { payload, wins }
    }
    if (best === undefined) continue
    kept.push(best.payload)
    lines.add(text.line(best.payload))
    for (const feature of features(best.payload)) shown.add(feature)
  }
  return kept
})
