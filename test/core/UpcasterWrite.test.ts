/** In which form events are written, while programs live that cannot read the newest. */
import { assert, describe, it } from "@effect/vitest"
import {
  Aggregate,
  Change,
  Command,
  type Commit,
  CommitId,
  Decision,
  Event,
  EventStore,
  EventStoreError,
  Projection,
  StreamName,
  Upcaster
} from "@varve/core"
import { Effect, Layer, Option, Result, Schema, Stream } from "effect"

/** Its third revision has no way back to the second; the fourth leads to the third only. */
class Placed extends Event.make("Placed", { total: Schema.Int })
  .revise(2, { total: Schema.Int, note: Schema.String }, ({ total }) => ({ total, note: "" }))
  .revise(3, Change.rename({ total: "amount" }))
  .revise(
    4,
    { cents: Schema.Int, note: Schema.String },
    ({ amount, note }) => ({ cents: amount * 100, note }),
    ({ cents, note }) => {
      if (cents < 0) throw new Error("Nobody owes us")
      // Whole euros were all there was.
      return { amount: cents % 100 === 1 ? 0.5 : Math.floor(cents / 100), note }
    }
  )
{}
class Shipped extends Event.make("Shipped", { to: Schema.String }) {}
class Packed extends Event.make("Packed", {}) {}

/** Of the same payload as `Placed`, in the same revision. */
const fields = { cents: Schema.Int, note: Schema.String }
class Sent extends Event.make("Sent", fields)
  .revise(2, fields, (payload) => payload)
  .revise(3, fields, (payload) => payload)
  .revise(4, fields, (payload) => payload)
{}

/** What was two orders: stored as one that begins alike. */
class Doubled extends Event.make("Doubled", {}).revise(2, { total: Schema.Int, note: Schema.String }, () => {
  throw new Error("Nobody has ever written the first revision")
}) {}

const renamed = { Ordered: Placed, Asked: Placed }
const names = (forms: ReadonlyArray<Upcaster.Form>) => forms.map(({ revision, type }) => `${type} ${revision}`)

describe("the forms of an event", () => {
  it("are its revisions as far as downcasts lead, then those of its old names", () => {
    assert.deepStrictEqual(names(Upcaster.forms({}, Placed)), ["Placed 4", "Placed 3", "Placed 2"])
    assert.deepStrictEqual(names(Upcaster.forms({ renamed }, Placed)), [
      "Placed 4",
      "Placed 3",
      "Placed 2",
      "Ordered 4",
      "Ordered 3",
      "Ordered 2",
      "Asked 4",
      "Asked 3",
      "Asked 2"
    ])
    assert.deepStrictEqual(names(Upcaster.forms({}, Shipped)), ["Shipped 1"])
    assert.deepStrictEqual(Upcaster.form({ renamed }, Placed), { type: "Placed", revision: 4 })
  })

  it("begin with the one that is asked for", () => {
    const options = { renamed, writeRevision: { Ordered: 3, Shipped: 1 } }
    assert.deepStrictEqual(Upcaster.form(options, Placed), { type: "Ordered", revision: 3 })
    assert.deepStrictEqual(names(Upcaster.forms(options, Placed)), ["Ordered 3", "Ordered 2", "Asked 3", "Asked 2"])
  })

  it("are those of an event that was renamed twice, the later name first", () => {
    class Submitted extends Event.make("Submitted", { total: Schema.Int }) {}
    const options = { renamed: { Ordered: Submitted, Submitted: Shipped } }
    assert.deepStrictEqual(names(Upcaster.forms(options, Shipped)), ["Shipped 1", "Submitted 1", "Ordered 1"])
  })
})

const message = (f: () => unknown): string => {
  try {
    f()
  } catch (error) {
    return String(error)
  }
  return assert.fail("it was taken")
}

describe("what is asked for and cannot be written", () => {
  const reading = (options: Upcaster.Options) =>
    Upcaster.make(options).reader({ aggregates: ["Order"], events: [Placed, Shipped] })

  it("is a defect as soon as the event is known", () => {
    const none = "expected one from 2 to 4, got"
    assert.include(
      message(() => reading({ writeRevision: { Placed: 5 } })),
      `writeRevision of Placed: ${none} 5: there is no such revision`
    )
    assert.include(
      message(() => reading({ writeRevision: { Placed: 1 } })),
      `writeRevision of Placed: ${none} 1: revision 2 of Placed has no downcast`
    )
    assert.include(message(() => reading({ writeRevision: { Shipped: 2 } })), "expected 1, got 2: there is no such")
    // With a rename at once.
    assert.include(
      message(() => Upcaster.make({ renamed, writeRevision: { Ordered: 1 } })),
      `writeRevision of Ordered, which is Placed today: ${none} 1: revision 2 of Placed has no downcast`
    )
    class Submitted extends Event.make("Submitted", { total: Schema.Int }) {}
    const twice = { Ordered: Submitted, Submitted: Placed }
    assert.include(
      message(() => Upcaster.make({ renamed: twice, writeRevision: { Ordered: 1 } })),
      "writeRevision of Ordered, which is Placed today"
    )
    for (const revision of [0, 1.5, NaN]) {
      assert.include(
        message(() => Upcaster.make({ writeRevision: { Placed: revision } })),
        "expected a revision from 1"
      )
    }
    // What nobody reads is nobody's.
    reading({ writeRevision: { Unheard: 7 } })
  })

  it("is a defect where nobody writes it any more, or where two say how", () => {
    assert.include(
      message(() => Upcaster.make({ dropped: ["Packed"], writeRevision: { Packed: 1 } })),
      "writeRevision of Packed: it is split or dropped, and not written"
    )
    const split = Upcaster.split(Packed, [Shipped], () => [])
    assert.include(message(() => Upcaster.make({ splits: [split], writeRevision: { Packed: 1 } })), "not written")
    assert.include(
      message(() => Upcaster.make({ renamed, writeRevision: { Ordered: 3, Asked: 3 } })),
      "more than once how Placed is written"
    )
    assert.include(
      message(() => Upcaster.make({ renamed, writeRevision: { Ordered: 3, Placed: 3 } })),
      "more than once"
    )
  })
})

class Place extends Command.make("Place", { cents: Schema.Int }) {}
class PlaceAgain extends Command.make("PlaceAgain") {}
class Order extends Aggregate.make("Order", {
  id: Schema.String,
  state: Schema.Array(Schema.Int),
  commands: [Place, PlaceAgain],
  events: [Placed, Shipped, Sent],
  rejections: []
}).decider({
  initial: [],
  decide: {
    Place: ({ cents }) => Decision.accept(Placed.make({ cents, note: "x" })),
    PlaceAgain: (_, all) => Decision.accept(Placed.make({ cents: all.at(-1) ?? 0, note: "x" }))
  },
  evolve: { Placed: (all, { cents }) => [...all, cents], Shipped: (all) => all, Sent: (all) => all }
}) {}

class Orders extends Projection.make("Orders", { row: Schema.Array(Schema.Int), events: [Placed] }).fold({
  initial: [],
  on: { Placed: (all, { cents }) => [...all, cents] }
}) {}

const over = (upcaster: Upcaster.Upcaster["Service"], mode: "live" | "inline" = "live") =>
  Effect.provide(
    Layer.mergeAll(Order.layer, mode === "live" ? Orders.layerLive : Layer.orDie(Orders.layerInline)).pipe(
      Layer.provideMerge(Layer.mergeAll(EventStore.layerMemory, Layer.succeed(Upcaster.Upcaster, upcaster)))
    )
  )

const stored = Effect.map(
  EventStore.EventStore.use((store) => store.readPage({ after: 0 })),
  ({ events }) => events.map(({ payload, revision, type }) => [type, revision, payload])
)

describe("an event that is written in an older form", () => {
  for (const mode of ["live", "inline"] as const) {
    it.effect(`is what everybody reads: who decided it, and who comes later, ${mode}`, () =>
      Effect.gen(function*() {
        const first = yield* Order.execute("a", Place.make({ cents: 350 }))
        // What does not come back from the older revision has not happened: whole euros.
        assert.deepStrictEqual(first.events, [{ _tag: "Placed", cents: 300, note: "x" }])
        assert.deepStrictEqual([first.state, first.version], [[300], 1])
        const second = yield* Order.execute("a", Place.make({ cents: 200 }))
        assert.deepStrictEqual([second.state, second.version], [[300, 200], 2])
        assert.deepStrictEqual(yield* Order.load("a"), { state: [300, 200], version: 2 })
        assert.deepStrictEqual(yield* Orders.get("a"), Option.some([300, 200]))
        const evolved = yield* Stream.runCollect(Order.history("a"))
        assert.deepStrictEqual(Array.from(evolved, ({ state }) => state), [[300], [300, 200]])
        assert.deepStrictEqual(yield* stored, [
          ["Ordered", 3, { amount: 3, note: "x" }],
          ["Ordered", 3, { amount: 2, note: "x" }]
        ])
      }).pipe(over(Upcaster.make({ renamed, writeRevision: { Ordered: 3 } }), mode)))
  }

  it.effect("is the newest under its own name, and an older revision under it, where that is asked for", () =>
    Effect.gen(function*() {
      const write = Order.execute("a", Place.make({ cents: 100 }))
      const store = yield* EventStore.EventStore
      for (const writeRevision of [{}, { Placed: 4 }, { Placed: 2 }, { Shipped: 1 }]) {
        const upcaster = Upcaster.layer({ renamed, writeRevision })
        yield* Effect.provide(
          write,
          Layer.fresh(Order.layer).pipe(
            Layer.provide([Layer.fresh(upcaster), Layer.succeed(EventStore.EventStore, store)])
          )
        )
      }
      assert.deepStrictEqual(yield* stored, [
        ["Placed", 4, { cents: 100, note: "x" }],
        ["Placed", 4, { cents: 100, note: "x" }],
        ["Placed", 2, { total: 1, note: "x" }],
        ["Placed", 4, { cents: 100, note: "x" }]
      ])
    }).pipe(Effect.provide(EventStore.layerMemory)))

  it.effect("is refused where it cannot be brought down, and nothing is written", () =>
    Effect.gen(function*() {
      for (
        const [cents, actual] of [
          [-1, "from the downcast of revision 4: Nobody owes us"],
          [101, "from the downcast of revision 4: "]
        ] as const
      ) {
        const { reason } = yield* Effect.flip(Order.execute("a", Place.make({ cents })))
        assert(reason._tag === "Refused")
        assert.deepInclude(reason, {
          what: "event Placed (as Placed, revision 3) of Order/a",
          expected: "what revision 3 asks for"
        })
        assert.include(reason.actual, actual)
      }
      assert.deepStrictEqual(yield* stored, [])
      yield* Order.execute("a", Place.make({ cents: 100 }))
    }).pipe(over(Upcaster.make({ writeRevision: { Placed: 3 } }))))

  /** Executes under an id that is stored already, as a command without an id was that has lost its acknowledgement. */
  const again = Effect.fnUntraced(function*(event: Commit.NewEvent, options: Upcaster.Options, cents: number) {
    const commitId = CommitId.generateUnsafe()
    const store = yield* EventStore.EventStore
    yield* store.append({
      id: commitId,
      writes: [{ stream: StreamName.make("Order", "a"), expected: 0, events: [event] }]
    })
    const order = Order.layer.pipe(
      Layer.provide([Upcaster.layer(options), Layer.succeed(EventStore.EventStore, store)])
    )
    return yield* Effect.provide(Order.execute("a", Place.make({ cents }), { commitId }), Layer.fresh(order))
  }, Effect.provide(EventStore.layerMemory))

  const same: ReadonlyArray<Commit.NewEvent> = [
    { type: "Ordered", revision: 3, payload: { amount: 3, note: "x" } },
    { type: "Placed", revision: 2, payload: { total: 3, note: "x" } },
    { type: "Asked", revision: 4, payload: { cents: 300, note: "x" } }
  ]
  for (const event of same) {
    it.effect(`is that of the same command, when its commit comes in another form: ${event.type}`, () =>
      Effect.gen(function*() {
        for (const writeRevision of [{}, { Placed: 3 }, { Ordered: 3 }]) {
          const { state, version } = yield* again(event, { renamed, writeRevision }, 300)
          assert.deepStrictEqual([state, version], [[300], 1])
        }
        const other = yield* Effect.flip(again(event, { renamed }, 400))
        assert.strictEqual(other.reason._tag, "Refused")
      }))
  }

  it.effect("is that of the same command, when it is written lower today and cannot hold it", () =>
    Effect.gen(function*() {
      const event = { type: "Placed", revision: 4, payload: { cents: 350, note: "x" } }
      const { state } = yield* again(event, { renamed, writeRevision: { Ordered: 3 } }, 350)
      assert.deepStrictEqual(state, [350])
      // Told apart by what is stored, not by what would be left of it today.
      const { reason } = yield* Effect.flip(again(event, { renamed, writeRevision: { Ordered: 3 } }, 300))
      assert.strictEqual(reason._tag, "Refused")
    }))

  it.effect("is that of the same commands, when later ones rest on what is left of the earlier", () =>
    Effect.gen(function*() {
      const places = [
        Aggregate.to(Order, "a", Place.make({ cents: 350 })),
        Aggregate.to(Order, "a", PlaceAgain.make({}))
      ] as const
      const store = yield* EventStore.EventStore
      const run = (options: Upcaster.Options, commitId?: CommitId.CommitId) =>
        Effect.provide(
          Aggregate.executeAll(places, { commitId }),
          Layer.fresh(Order.layer).pipe(
            Layer.provide([Upcaster.layer(options), Layer.succeed(EventStore.EventStore, store)])
          )
        )
      const [, { receipt }] = yield* run({ writeRevision: { Placed: 3 } })
      const { commitId } = Option.getOrThrow(receipt)
      const [, second] = yield* run({}, commitId)
      assert.deepStrictEqual(second.state, [300, 300])
      assert.isTrue(Option.getOrThrow(second.receipt).replayed)
      assert.strictEqual((yield* stored).length, 2)
    }).pipe(Effect.provide(EventStore.layerMemory)))

  const others: ReadonlyArray<Commit.NewEvent> = [
    { type: "Sent", revision: 4, payload: { cents: 300, note: "x" } },
    { type: "Doubled", revision: 2, payload: { total: 3, note: "x" } },
    { type: "Placed", revision: 1, payload: { total: 3 } }
  ]
  const splits = [
    Upcaster.split(Doubled, [Placed], ({ note, total }) => [
      Placed.make({ cents: total * 100, note }),
      Placed.make({ cents: total * 100, note })
    ])
  ]
  for (const event of others) {
    it.effect(`is not that of the same command, when it is another: ${event.type}, revision ${event.revision}`, () =>
      Effect.gen(function*() {
        const { reason } = yield* Effect.flip(again(event, { renamed, splits }, 300))
        assert.strictEqual(reason._tag, "Refused")
      }))
  }
})

describe("an upcaster that is told what to write", () => {
  it.effect("asks at every write, by category and event", () => {
    const asked: Array<string> = []
    const answers: Array<Upcaster.Form> = [
      { type: "Ordered", revision: 2 },
      { type: "Placed", revision: 4 },
      { type: "Placed", revision: 3 }
    ]
    const upcaster = Upcaster.make({ renamed, categories: { Order: "Bestellung" } }, (category, { tag }) => {
      asked.push(`${category} ${tag}`)
      return answers[asked.length - 1]!
    })
    return Effect.gen(function*() {
      for (const cents of [100, 200, 300]) yield* Order.execute("a", Place.make({ cents }))
      assert.deepStrictEqual(asked, ["Bestellung Placed", "Bestellung Placed", "Bestellung Placed"])
      assert.deepStrictEqual(yield* stored, [
        ["Ordered", 2, { total: 1, note: "x" }],
        ["Placed", 4, { cents: 200, note: "x" }],
        ["Placed", 3, { amount: 3, note: "x" }]
      ])
      assert.deepStrictEqual(yield* Order.load("a"), { state: [100, 200, 300], version: 3 })
    }).pipe(over(upcaster))
  })

  const answers: ReadonlyArray<readonly [Upcaster.Form | EventStoreError.Refused, object]> = [
    [
      new EventStoreError.Refused({ what: "revision 4 of Placed", expected: "one that all can read", actual: "3" }),
      { what: "revision 4 of Placed of Order/a", expected: "one that all can read", actual: "3" }
    ],
    [{ type: "Shipped", revision: 1 }, { expected: "Placed or an old name of it", actual: "Shipped" }],
    [{ type: "Unheard", revision: 1 }, { expected: "Placed or an old name of it", actual: "Unheard" }],
    [{ type: "Placed", revision: 5 }, { expected: "a revision from 1 to 4", actual: "5" }],
    [{ type: "Placed", revision: 0 }, { expected: "a revision from 1 to 4", actual: "0" }],
    [{ type: "Asked", revision: 1 }, {
      what: "event Placed (as Asked, revision 1) of Order/a",
      expected: "a downcast of revision 2",
      actual: "none"
    }]
  ]
  for (const [answer, expected] of answers) {
    it.effect(`refuses, typed, and writes nothing: ${JSON.stringify(answer)}`, () =>
      Effect.gen(function*() {
        const { reason } = yield* Effect.flip(Order.execute("a", Place.make({ cents: 100 })))
        assert.deepInclude(reason, { _tag: "Refused", ...expected })
        assert.deepStrictEqual(yield* stored, [])
      }).pipe(over(Upcaster.make({ renamed }, () => answer))))
  }

  it("names the form in what it refuses, where it is not the newest under its own name", () => {
    const what = (form: Upcaster.Form) => {
      const wrong = { _tag: "Placed", cents: "none", note: "" } as never
      const written = Upcaster.make({ renamed }, () => form).write("Order", Placed, wrong)
      return Result.isFailure(written) ? [written.failure.what, written.failure.expected] : assert.fail("written")
    }
    const asked = "what revision 4 asks for"
    assert.deepStrictEqual(what({ type: "Placed", revision: 4 }), ["event Placed", asked])
    assert.deepStrictEqual(what({ type: "Ordered", revision: 4 }), ["event Placed (as Ordered, revision 4)", asked])
    assert.deepStrictEqual(what({ type: "Placed", revision: 3 }), ["event Placed (as Placed, revision 3)", asked])
  })

  it("says what it was made with", () => {
    const options = { renamed }
    assert.strictEqual(Upcaster.make(options).options, options)
    assert.deepStrictEqual(Upcaster.make().options, {})
    const written = Upcaster.make().write("Order", Shipped, Shipped.make({ to: "ada" }))
    assert.deepStrictEqual(Result.getOrThrow(written), { type: "Shipped", revision: 1, payload: { to: "ada" } })
  })
})
