import * as Schema from "effect/Schema"

/** The format that is written, and the newest that is read. */
export const format = 1

/** Documented at `Catalog.Golden`. */
export const Golden = Schema.Struct({
  byHand: Schema.Array(Schema.Json),
  generated: Schema.Array(Schema.Json)
})

/** Documented at `Catalog.Revision`. */
export const Revision = Schema.Struct({
  revision: Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)),
  schema: Schema.Json,
  upcast: Schema.Boolean,
  downcast: Schema.Boolean,
  golden: Golden
})
export type Revision = typeof Revision.Type

/** Documented at `Catalog.Read`. */
export const Read = Schema.TaggedUnion({
  Itself: {},
  Renamed: { to: Schema.String },
  Split: { into: Schema.Array(Schema.String) },
  Dropped: {}
})
export type Read = typeof Read.Type

/** Documented at `Catalog.Entry`. */
export const Entry = Schema.Struct({
  domains: Schema.Array(Schema.String),
  categories: Schema.Array(Schema.String),
  read: Read,
  revisions: Schema.Array(Revision).check(
    Schema.makeFilter((revisions) => revisions.every(({ revision }, i) => revision === i + 1), {
      expected: "revisions 1, 2, 3 and so on, each once"
    })
  )
})
export type Entry = typeof Entry.Type

/** Documented at `Catalog.Catalog`. */
export const Catalog = Schema.Struct({
  format: Schema.Literal(format),
  events: Schema.Record(Schema.String, Entry)
})
export type Catalog = typeof Catalog.Type

/** Documented at `Catalog.Kind`. */
export type Kind =
  | "EditedInPlace"
  | "MissingRevision"
  | "MissingEvent"
  | "MissingCategory"
  | "TwoEvents"
  | "StillUsed"
  | "UpcastFails"
  | "GoldenUnreadable"
  | "GoldenChanged"
  | "CatalogEdited"
  | "NotRecorded"
  | "NotChecked"

/** Documented at `Catalog.Finding`. */
export interface Finding {
  readonly kind: Kind
  readonly event: string
  readonly revision?: number | undefined
  readonly what: string
  readonly remedy: string
}

/** By event, then by revision. */
export const byPlace = (a: Finding, b: Finding): number =>
  a.event < b.event ? -1 : a.event > b.event ? 1 : (a.revision ?? 0) - (b.revision ?? 0)

/** A stored type of a catalogue. Types may be called like members of `Object`. */
export const entryOf = (catalog: Catalog | undefined, type: string): Entry | undefined =>
  catalog !== undefined && Object.hasOwn(catalog.events, type) ? catalog.events[type] : undefined

export const messageOf = (error: unknown): string => error instanceof Error ? error.message : String(error)
