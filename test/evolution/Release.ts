/** What the five releases of one code base have in common, so that a test can drive them one after the other. */
import { type Domain, EventStore, type Projection, RowStore, Upcaster } from "@varve/core"
import { Context, Effect, Layer, Schema, type Scope } from "effect"

const id = Schema.Literals(["p1", "p2", "p3", "p4"])
const place = Schema.Literals(["London", "Paris", "Rome"])
/** Halves of a kilo: as a number of kilos they are exact. */
const grams = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 60 }))

/** Something that a customer or the post does, whatever the release calls it. */
export const Deed = Schema.Union([
  Schema.TaggedStruct("Register", {
    id,
    name: Schema.Literals(["Ada", "Bob", "Eve, née Ash"]),
    address: Schema.Literals(["1 Square, London", "Via Appia"]),
    halfKilos: grams,
    express: Schema.Boolean
  }),
  Schema.TaggedStruct("Print", { id, printer: Schema.Int }),
  Schema.TaggedStruct("See", { id, place }),
  Schema.TaggedStruct("HandOver", {
    id,
    to: Schema.Literals(["neighbour", "addressee"]),
    cents: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 100_000 }))
  }),
  Schema.TaggedStruct("Return", { id })
])
export type Deed = typeof Deed.Type

/** What every release tells of a parcel. What a release does not know yet is as it will be read later. */
export interface Summary {
  readonly addressee: string
  readonly grams: number
  readonly express: boolean
  readonly place: string | null
  readonly status: "underway" | "delivered" | "returned"
  readonly cents: number
}

/** Parcels seen, by place. */
export type Depots = Readonly<Record<string, number>>

/** A program of a release at work on a store. */
export interface Program {
  readonly perform: (deed: Deed) => Effect.Effect<unknown, unknown>
  readonly load: (id: string) => Effect.Effect<{ readonly summary: Summary | null; readonly version: number }, unknown>
  /** The read models, when they have seen a position. */
  readonly board: (after: number) => Effect.Effect<Readonly<Record<string, Summary>>, unknown>
  readonly depots: (after: number) => Effect.Effect<Depots, unknown>
}

/** How the projections of a program run. */
export type Mode = Domain.Mode

export interface Release {
  readonly number: number
  readonly domain: Domain.Any
  /** What the release says of the events of those before it. */
  readonly options: Upcaster.Options
  /** Its projections, newest revision. */
  readonly projections: ReadonlyArray<Projection.Any>
  /** Starts a program of the release. It ends with the scope. */
  readonly start: (
    mode: Mode,
    also?: Upcaster.Options
  ) => Effect.Effect<Program, unknown, EventStore.EventStore | RowStore.RowStore | Scope.Scope>
}

/** How a release does what all of them do. */
interface Ways<R> {
  readonly perform: (deed: Deed) => Effect.Effect<unknown, unknown, R>
  readonly load: (
    id: string
  ) => Effect.Effect<{ readonly summary: Summary | null; readonly version: number }, unknown, R>
  readonly board: (after: number) => Effect.Effect<Readonly<Record<string, Summary>>, unknown, R>
  readonly depots: (after: number) => Effect.Effect<Depots, unknown, R>
}

export const make = <R, E>(release: {
  readonly number: number
  readonly domain: Domain.Any
  readonly options?: Upcaster.Options
  readonly layer: (mode: Mode) => Layer.Layer<R, E, EventStore.EventStore | RowStore.RowStore | Upcaster.Upcaster>
  readonly ways: Ways<R>
}): Release => {
  const { domain, layer, number, options = {}, ways } = release
  return {
    number,
    domain,
    options,
    projections: domain.projections,
    start: Effect.fnUntraced(function*(mode: Mode, also?: Upcaster.Options) {
      const services = Context.pick(EventStore.EventStore, RowStore.RowStore)(
        yield* Effect.context<EventStore.EventStore | RowStore.RowStore>()
      )
      const context = yield* Layer.build(
        layer(mode).pipe(Layer.provide([Upcaster.layer({ ...options, ...also }), Layer.succeedContext(services)]))
      )
      return {
        perform: (deed) => Effect.provideContext(ways.perform(deed), context),
        load: (id) => Effect.provideContext(ways.load(id), context),
        board: (after) => Effect.provideContext(ways.board(after), context),
        depots: (after) => Effect.provideContext(ways.depots(after), context)
      }
    })
  }
}

/** Rows by key. */
export const byKey = <Row, A>(
  { rows }: { readonly rows: ReadonlyArray<{ readonly key: string; readonly row: Row }> },
  f: (row: Row) => A
): Readonly<Record<string, A>> => Object.fromEntries(rows.map(({ key, row }) => [key, f(row)]))
