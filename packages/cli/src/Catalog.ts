/**
 * What the events of a project look like, revision by revision, kept beside the code and compared with it.
 *
 * **When to use**
 *
 * The command does it: `varve catalog update` writes the catalogue, `varve catalog check` fails in CI when a change of the
 * code would make a stored event unreadable. These functions are for a test, or a tool of one's own.
 *
 * **Details**
 *
 * A catalogue has every stored type there ever was: its revisions with the JSON Schema of what lies in stores, and golden
 * payloads of each. Entries are added and never edited. A type that was renamed, split or dropped stays in it for ever,
 * because its events stay in stores for ever.
 *
 * JSON Schema does not see everything, such as what a custom check refuses or a transformation makes of a value. Golden
 * payloads see most of the rest: each must be read, and be written again as what it is. They are examples: what none of
 * them shows, such as the value that an absent field is given, or another meaning of the same number, is not seen.
 *
 * **Example** (An edit in place)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Aggregate, Command, Decision, Domain, Event } from "@varve/core"
 * import { Catalog } from "@varve/cli"
 *
 * const house = (percent: typeof Schema.Int | typeof Schema.String): Catalog.Code => {
 *   class Dimmed extends Event.make("Dimmed", { percent }) {}
 *   class Touch extends Command.make("Touch") {}
 *   class Light extends Aggregate.make("Light", {
 *     id: Schema.String,
 *     state: Schema.Null,
 *     commands: [Touch],
 *     events: [Dimmed],
 *     rejections: []
 *   }).decider({ initial: null, decide: { Touch: () => Decision.ignore }, evolve: { Dimmed: () => null } }) {}
 *   return { domains: [Domain.make("House", { aggregates: [Light], projections: [] })], upcaster: {} }
 * }
 *
 * const findings = Effect.map(
 *   Catalog.update(undefined, house(Schema.Int)),
 *   (catalog) => Catalog.check(catalog, house(Schema.String)).map(({ kind, revision }) => [kind, revision])
 * )
 *
 * Effect.runPromise(findings) // => [["EditedInPlace", 1], ["GoldenUnreadable", 1]]
 * ```
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as checking from "./internal/catalogCheck.ts"
import { type Code, resolve } from "./internal/catalogCode.ts"
import { merge, withGolden } from "./internal/catalogEntry.ts"
import * as model from "./internal/catalogModel.ts"
import * as text from "./internal/catalogText.ts"
import * as upcasts from "./internal/catalogUpcasts.ts"

export {
  /**
   * What a catalogue is compared with: the domains of a project, and the options of its upcaster.
   *
   * @category models
   * @since 0.1.0
   */
  type Code
}

/**
 * Golden payloads of a revision, as they lie in a store.
 *
 * **Details**
 *
 * - `byHand`: added by a person, such as payloads from production. Nothing but a person adds to them
 * - `generated`: made by `update` from the schema, when the revision was new
 *
 * @category schemas
 * @since 0.1.0
 */
export const Golden = model.Golden

/**
 * A revision of a stored type.
 *
 * **Details**
 *
 * `schema` is the JSON Schema of the payload in a form that has only what matters to stored payloads: no descriptions,
 * examples or names of schemas, and no order where there is none.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Revision = model.Revision

/**
 * What a stored type is read as today: as the event of its name, as another, as several, or not at all.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Read = model.Read

/**
 * A stored type: the domains that read it, the categories whose streams hold it, what it is read as, and its revisions.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Entry = model.Entry

/**
 * Schema of a catalogue: a format number, and entries by stored type.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Catalog = model.Catalog

/**
 * The stored types of a project with all their revisions.
 *
 * @category models
 * @since 0.1.0
 */
export type Catalog = typeof Catalog.Type

/**
 * What can be found.
 *
 * **Details**
 *
 * - `EditedInPlace`: the schema of a recorded revision is another one now
 * - `MissingRevision`: the code has no such revision any more, or lacks a hop to it
 * - `MissingEvent`: a recorded type that no domain has, and that was not renamed, split or dropped; or that an aggregate does
 *   not have any more whose streams hold it
 * - `MissingCategory`: streams of a category that nobody looks for any more
 * - `TwoEvents`: several events of one tag. A definition in the options of the upcaster may be that of its day: its revisions
 *   are the first ones of today's
 * - `StillUsed`: an event of a domain that the upcaster has retired
 * - `UpcastFails`: a payload that the schema of an old revision accepts is not read
 * - `GoldenUnreadable`: a golden payload that is not read any more
 * - `GoldenChanged`: a golden payload that would be written differently now
 * - `CatalogEdited`: the catalogue of the base branch has what this one has not
 * - `NotRecorded`: what the code has and the catalogue has not; no danger, but not protected yet
 * - `NotChecked`: schemas that nothing can be generated from; no danger
 *
 * @category models
 * @since 0.1.0
 */
export type Kind = model.Kind

/**
 * Something to tell about a stored type, or one of its revisions, and what to do about it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Finding extends model.Finding {}

/**
 * Whether a finding would make stored events unreadable, or keep the catalogue from noticing. The others are notes.
 *
 * @category guards
 * @since 0.1.0
 */
export const isBreaking = ({ kind }: Finding): boolean => kind !== "NotRecorded" && kind !== "NotChecked"

/**
 * What the code says, without golden payloads.
 *
 * @category constructors
 * @since 0.1.0
 */
export const derive = (code: Code): Catalog => ({
  format: model.format,
  events: Object.fromEntries(
    Array.from(resolve(code).known.values(), (known) => [known.type, merge(undefined, known)] as const)
  )
})

/**
 * Compares a catalogue with the code: everything that can be told without trying, by event and revision. Pure.
 *
 * **Details**
 *
 * `base` is the catalogue of the branch that a change goes to: what it has must be in this one unchanged, so that nobody
 * edits a catalogue to suit a change.
 *
 * @category checking
 * @since 0.1.0
 */
export const check = (
  catalog: Catalog,
  code: Code,
  options?: { readonly base?: Catalog | undefined }
): ReadonlyArray<Finding> => checking.check(catalog, resolve(code), options?.base)

/**
 * How upcasts are tried.
 *
 * @category models
 * @since 0.1.0
 */
export interface UpcastOptions extends upcasts.Options {}

/**
 * Tries the upcasts and splits of the code with payloads that are generated from the schemas of old revisions.
 *
 * **Details**
 *
 * `runs` payloads of each revision; the same `seed` gives the same ones. A code with two events of one tag cannot be tried:
 * `check` tells.
 *
 * @category checking
 * @since 0.1.0
 */
export const checkUpcasts = (code: Code, options: UpcastOptions): Effect.Effect<ReadonlyArray<Finding>> =>
  Effect.suspend(() => upcasts.check(resolve(code), options))

/**
 * Adds to a catalogue what the code has beyond it, and golden payloads. What it has stays as it is.
 *
 * **Details**
 *
 * For a catalogue that `check` finds nothing breaking in. Deterministic: golden payloads are told by type and revision.
 *
 * @category constructors
 * @since 0.1.0
 */
export const update = Effect.fnUntraced(function*(catalog: Catalog | undefined, code: Code) {
  const { known } = resolve(code)
  const events: { [type: string]: typeof Entry.Type } = { ...catalog?.events }
  for (const one of known.values()) {
    const entry = merge(model.entryOf(catalog, one.type), one)
    events[one.type] = yield* withGolden(one.type, entry, one.event)
  }
  return { format: model.format, events } satisfies Catalog as Catalog
})

/**
 * The text of a catalogue: the same for the same content, on every machine.
 *
 * @category encoding
 * @since 0.1.0
 */
export const stringify = (catalog: Catalog): string => text.stringify(catalog)

/**
 * A text that is no catalogue.
 *
 * @category errors
 * @since 0.1.0
 */
export class Unusable extends Schema.TaggedError<Unusable>("@varve/cli/Unusable")("Unusable", {
  expected: Schema.String,
  actual: Schema.String
}) {
  override get message(): string {
    return `expected ${this.expected}, got ${this.actual}`
  }
}

// What is not known would be lost when the catalogue is written again.
const decode = Schema.decodeUnknownResult(Catalog, { onExcessProperty: "error" })

const formatOf = (value: Schema.Json): unknown =>
  typeof value === "object" && value !== null && "format" in value ? value.format : undefined

/**
 * Reads the text of a catalogue. A merge that was not finished, and a format of a newer program, are told as what they are.
 *
 * @category encoding
 * @since 0.1.0
 */
export const parse = (input: string): Result.Result<Catalog, Unusable> => {
  const parsed = text.parse(input)
  if (!("value" in parsed)) return Result.fail(new Unusable(parsed))
  const format = formatOf(parsed.value)
  if (typeof format === "number" && format > model.format) {
    return Result.fail(
      new Unusable({
        expected: `format ${model.format}`,
        actual: `format ${format}: a newer @varve/cli wrote it, and is needed to read it`
      })
    )
  }
  return Result.mapError(
    decode(parsed.value),
    ({ message }) => new Unusable({ expected: "a catalogue", actual: `something else: ${message}` })
  )
}
