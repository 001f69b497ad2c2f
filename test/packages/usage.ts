/**
 * What the README shows, on the smallest domain: compiled and run by `npm run packages` against the packages as users
 * get them, and compiled here as in a workspace of a user. Everything is exported without a written type, so a compiler
 * that writes declarations has to find a public name for each of them.
 *
 * It imports nothing but what a user installs.
 */
import { Aggregate, Command, CommitId, Decision, Domain, Event, EventStore, Projection, Upcaster } from "@varve/core"
import { EventStoreContract, Laws, Scenario } from "@varve/core/testing"
import { Embedded, Postgres } from "@varve/postgres"
import { Config, DateTime, Effect, Layer, Result, Schema } from "effect"

export const Id = Schema.NonEmptyString.pipe(Schema.brand("Counter/Id"))

export class Added extends Event.make("Added", { by: Schema.Int })
  .revise(2, { count: Schema.Int }, ({ by }) => ({ count: by }))
{}
export class Stopped extends Event.make("Stopped", {}) {}

export class Add extends Command.make("Add", { count: Schema.Int }) {}
export class Stop extends Command.make("Stop") {}

export class AlreadyStopped extends Schema.TaggedError<AlreadyStopped>()("AlreadyStopped", {}) {}

export const State = Schema.TaggedUnion({ Counting: { count: Schema.Int }, Stopped: {} })

const contract = Aggregate.make("Counter", {
  id: Id,
  state: State,
  commands: [Add, Stop],
  events: [Added, Stopped],
  rejections: [AlreadyStopped]
})

export class Counter extends contract.decider({
  initial: { _tag: "Counting", count: 0 },
  decide: {
    Add: ({ count }, state) =>
      state._tag === "Stopped" ? Decision.reject(new AlreadyStopped()) : Decision.accept(Added.make({ count })),
    Stop: (_, state) => state._tag === "Stopped" ? Decision.ignore : Decision.accept(Stopped.make({}))
  },
  evolve: {
    Added: (state, { count }) => state._tag === "Counting" ? { ...state, count: state.count + count } : state,
    Stopped: () => ({ _tag: "Stopped" })
  }
}) {}

export class Counts extends Projection.make("Counts", {
  row: Schema.Struct({ count: Schema.Int }),
  events: [Added, Stopped]
}).fold({
  on: {
    Added: (row, { count }) => ({ count: (row?.count ?? 0) + count }),
    Stopped: () => undefined
  }
}) {}

export const Counting = Domain.make("Counting", { aggregates: [Counter], projections: [Counts] })

export const a = Id.make("a")
export const b = Id.make("b")

export const added = Counter.execute(a, Add.make({ count: 2 }))

export const caught = added.pipe(
  Effect.catchReason("ExecutionError", "Conflict", () => Effect.succeed("somebody else was faster")),
  Effect.catchTag("AlreadyStopped", () => Effect.succeed("stopped"))
)

export const head = EventStore.EventStore.use((store) => store.head).pipe(
  Effect.catchReason("EventStoreError", "Unavailable", () => Effect.succeed(0))
)

export const both = Aggregate.executeAll([
  Aggregate.to(Counter, a, Add.make({ count: 3 })),
  Aggregate.to(Counter, b, Add.make({ count: 4 }))
])

export const loaded = Counter.load(a, { at: { occurredAt: DateTime.makeUnsafe("2024-01-15T00:00:00Z") } })

export const row = Counts.get("b")

export const old = Event.decode(Added, { revision: 1, payload: { by: 1 } })

export const everything = EventStore.readAll()

export const upcaster = Upcaster.layer({ renamed: { Counted: Added }, dropped: ["Printed"] })

export const inMemory = Counting.layer().pipe(Layer.provideMerge(Layer.mergeAll(EventStore.layerMemory, upcaster)))

export const embedded = Counting.layer().pipe(Layer.provideMerge(Layer.mergeAll(Embedded.layer(), upcaster)))

const server = Layer.unwrap(Effect.gen(function*() {
  const url = yield* Config.Redacted("DATABASE_URL")
  return Postgres.layerPool({ url })
}))
export const onServer = Counting.layer().pipe(Layer.provideMerge(Layer.mergeAll(server, upcaster)))

export const scenario = () =>
  Scenario.given(Counter, Added.make({ count: 1 }))
    .when(Add.make({ count: 2 }))
    .thenEvents(Added.make({ count: 2 }))
    .thenState({ _tag: "Counting", count: 3 })

export const laws = Laws.all(Counting)

export const suite = EventStoreContract.suite({ lacks: { wakeUps: "this store is polled" } })

/** All of it, on whatever store is provided. Gives what must come out. */
export const program = Effect.gen(function*() {
  const commitId = yield* CommitId.derive("counter", "a")
  yield* Counter.execute(a, Add.make({ count: 2 }), { commitId })
  yield* Counter.execute(a, Add.make({ count: 2 }), { commitId })
  yield* both
  yield* Counter.execute(a, Stop.make({}))
  const refused = yield* Counter.execute(a, Add.make({ count: 1 })).pipe(
    Effect.as("taken"),
    Effect.catchTag("AlreadyStopped", () => Effect.succeed("stopped"))
  )
  const odd = yield* Counter.execute(Id.make("a\u0000"), Add.make({ count: 1 })).pipe(
    Effect.as("taken"),
    Effect.catchReason("ExecutionError", "Refused", () => Effect.succeed("refused"))
  )
  scenario()
  for (const law of laws) yield* law.effect
  for (const each of suite.slice(0, 3)) yield* each.effect
  return { refused, odd, row: yield* row, state: (yield* Counter.load(a)).state, old: Result.getOrThrow(old) }
})

/** Each of these must stay a mistake with every compiler. Nothing here runs. */
export const mistakes = () => {
  // @ts-expect-error revisions go up by exactly one
  Event.make("X", { a: Schema.Int }).revise(3, { b: Schema.Int }, ({ a }) => ({ b: a }))
  // @ts-expect-error nobody writes an old revision
  Added.make({ by: 1 })
  // @ts-expect-error a command has its fields
  Add.make({})
  // @ts-expect-error every event needs a case
  contract.decider({ initial: { _tag: "Stopped" }, decide: { Add: none, Stop: none }, evolve: { Added: (s) => s } })
  // @ts-expect-error a foreign command
  void Counter.execute(a, Command.make("Other").make({}))
  // @ts-expect-error an id is not any string
  void Counter.execute("a", Stop.make({}))
  // @ts-expect-error stopping is never rejected
  void Counter.execute(a, Stop.make({})).pipe(Effect.catchTag("AlreadyStopped", () => Effect.void))
  // @ts-expect-error no such reason
  void added.pipe(Effect.catchReason("ExecutionError", "Nope", () => Effect.void))
  const rows = Projection.make("P", { row: Schema.Struct({ n: Schema.Int }), events: [Stopped] })
  // @ts-expect-error a row has its fields
  rows.fold({ on: { Stopped: () => ({}) } })
  // @ts-expect-error the store is still missing
  void Effect.runPromise(Effect.provide(program, Counting.layer()))
}
const none = () => Decision.ignore
