/** `varve doctor`: what is in a store, whether the program reads it, and where it was when it was interrupted. */
import { assert, describe, it } from "@effect/vitest"
import { EventStore, ProgramStore, StoreAdmin, StreamName } from "@varve/core"
import { DateTime, Effect, Fiber, Latch, Layer, type Scope } from "effect"
import { readFileSync, writeFileSync } from "node:fs"
import * as Checkup from "./checkup/Checkup.ts"

const test = (
  name: string,
  body: Effect.Effect<void, unknown, Scope.Scope | Layer.Success<typeof EventStore.layerMemory>>
) => it.live(name, () => Effect.scoped(Effect.provide(body, EventStore.layerMemory)))

const bound = Effect.map(Checkup.project(), (folder) => ({
  folder,
  doctor: (...flags: ReadonlyArray<string>) => folder.doctor(...flags),
  json: (...flags: ReadonlyArray<string>) => folder.json(...flags)
}))

/** One of everything that the program reads. */
const readable: ReadonlyArray<Checkup.Fact> = [
  { type: "Ordered", revision: 3, payload: { cents: 100 } },
  { type: "Ordered", revision: 2, payload: { euros: 1 } },
  { type: "Ordered", payload: { sum: "1.0" } },
  { type: "Sent", payload: { to: "Rome" } },
  { type: "Sent", revision: 2, payload: { to: "Rome" } },
  { type: "Settled", payload: { cents: 100 } },
  { type: "Nudged", revision: 7 },
  { type: "Rated", category: "Review", payload: { stars: 5 } }
]

const erase = (position: number) =>
  Effect.gen(function*() {
    const { events: [event] } = yield* EventStore.EventStore.use((store) =>
      store.readPage({ after: position - 1, limit: 1 })
    )
    const { stream, version } = event!
    yield* StoreAdmin.StoreAdmin.use((admin) => admin.erase({ stream, from: version, to: version }))
  })

describe("the inventory", () => {
  test(
    "shows what a terminal obeys, and does not say it",
    Effect.gen(function*() {
      const { doctor } = yield* bound
      yield* Checkup.write([{ type: "Teleported" }])
      const admin = yield* StoreAdmin.StoreAdmin
      const store = yield* EventStore.EventStore
      const [type, category] = ["\u001B[2J", "\u009B1m"]
      const planted = Layer.mergeAll(
        Layer.succeed(StoreAdmin.StoreAdmin, {
          ...admin,
          inventory: Effect.map(admin.inventory, ([entry]) => [{ ...entry!, category, type }])
        }),
        Layer.succeed(EventStore.EventStore, {
          ...store,
          readPage: (request) =>
            Effect.map(store.readPage(request), ({ events, ...page }) => ({
              ...page,
              events: events.map((event) => ({ ...event, type, stream: { ...event.stream, category } }))
            }))
        })
      )
      const { code, stdout } = yield* Effect.provide(doctor("--all"), planted)
      assert.strictEqual(code, 1)
      assert.include(stdout, "\n\\u009b1m  \\u001b[2J         1       1       0  UNKNOWN CATEGORY\n")
      assert.include(stdout, "\n\\u009b1m \\u001b[2J, revision 1: 1 event\n")
      assert.notMatch(stdout, /[\u001B\u009B]/)
    })
  )

  test(
    "tells how the program reads each type and revision",
    Effect.gen(function*() {
      const { doctor } = yield* bound
      yield* Checkup.write(readable)
      yield* erase(3)
      const { code, stderr, stdout } = yield* doctor()
      assert.strictEqual(stderr, "")
      assert.strictEqual(code, 0)
      const { storeId } = yield* StoreAdmin.StoreAdmin.use(({ status }) => status)
      assert.strictEqual(
        stdout,
        [
          `Store ${storeId} (memory), 8 events`,
          "",
          "What is stored, and how this program reads it",
          "category  type     revision  events  erased  read",
          "Purchase  Nudged          7       1       0  dropped",
          "Purchase  Ordered         1       1       1  through 2 upcasts",
          "Purchase  Ordered         2       1       0  through 1 upcast",
          "Purchase  Ordered         3       1       0  newest",
          "Purchase  Sent            1       1       0  renamed to Shipped, through 1 upcast",
          "Purchase  Sent            2       1       0  renamed to Shipped",
          "Purchase  Settled         1       1       0  split into Paid, Closed",
          "Review    Rated           1       1       0  newest",
          "",
          "What must hold of a store",
          "holds: positions, versions, commits, times, checkpoints, protection against changes",
          "",
          "Hints",
          "no aggregate is stored under Review: add its domain to the project, or, where an aggregate was renamed, say so in"
          + " \"categories\" of the upcaster",
          "",
          "All is well. No event was read: see --sample, --all.",
          ""
        ].join("\n")
      )
    })
  )

  test(
    "tells what the program cannot read",
    Effect.gen(function*() {
      const { doctor, json } = yield* bound
      yield* Checkup.write([
        { type: "Ordered", revision: 4 },
        { type: "Cancelled" },
        { type: "Ordered", category: "Order", payload: { sum: "1" } },
        { type: "Settled", revision: 2 }
      ])
      const { code, stdout } = yield* doctor()
      assert.strictEqual(code, 1)
      assert.include(stdout, "Order     Ordered           1       1       0  UNKNOWN CATEGORY\n")
      assert.include(stdout, "Purchase  Cancelled         1       1       0  UNKNOWN TYPE\n")
      assert.include(stdout, "Purchase  Ordered           4       1       0  NEWER REVISION (program knows 3)\n")
      assert.include(stdout, "Purchase  Settled           2       1       0  NEWER REVISION (program knows 1)\n")
      assert.match(stdout, /\nSomething is wrong\. No event was read: see --sample, --all\.\n$/)
      const report = yield* json()
      assert.strictEqual(report.code, 1)
      assert.strictEqual(report.well, false)
      assert.deepStrictEqual(
        report.inventory.map(({ readable, reading, type }) => [type, readable, reading]),
        [
          ["Ordered", false, { how: "unknown category" }],
          ["Cancelled", false, { how: "unknown type" }],
          ["Ordered", false, { how: "newer revision", knows: 3 }],
          ["Settled", false, { how: "newer revision", knows: 1 }]
        ]
      )
      assert.deepStrictEqual(report.unreadable, [])
    })
  )

  test(
    "of an empty store says so",
    Effect.gen(function*() {
      const { doctor, json } = yield* bound
      const { code, stdout } = yield* doctor("--all")
      assert.strictEqual(code, 0)
      assert.include(stdout, "Nothing is stored yet.\n")
      assert.include(stdout, "0 events, 0 of them erased: all are readable\n")
      assert.deepStrictEqual((yield* json("--sample", "1")).decoded.events, 0)
    })
  )
})

/** Sixty that can be read, and among them, at known places, some that cannot. */
const planted = Effect.gen(function*() {
  const facts = Array.from({ length: 60 }, (_, i) => readable[i % readable.length]!)
  const broken: ReadonlyArray<readonly [place: number, fact: Checkup.Fact]> = [
    [4, { type: "Ordered", payload: { sum: "a lot" } }],
    [20, { type: "Ordered", revision: 3, payload: { cents: 1.5 } }],
    [21, { type: "Sent", payload: { to: null }, id: "x\u2028y" }],
    [40, { type: "Settled", payload: {} }],
    [50, { type: "Ordered", revision: 9, payload: { anything: 1 } }],
    [59, { type: "Teleported", payload: {} }]
  ]
  for (const [place, fact] of broken) facts[place - 1] = fact
  yield* Checkup.write(facts)
  return broken.map(([place]) => place)
})

describe("reading events", () => {
  for (const flags of [["--all"], ["--sample", "60"]]) {
    test(
      `${flags.join(" ")} finds exactly what cannot be read`,
      Effect.gen(function*() {
        const { doctor, folder, json } = yield* bound
        const places = yield* planted
        yield* erase(1)
        const report = yield* json(...flags)
        assert.strictEqual(report.code, 1)
        const { erased, events, resumed, unreadable } = report.decoded
        assert.deepStrictEqual([events, erased, unreadable, resumed], [60, 1, places.length, false])
        const found = report.unreadable.toSorted((a, b) => a.position - b.position)
        assert.deepStrictEqual(found.map(({ position }) => position), places)
        assert.deepStrictEqual(
          found.map(({ revision, type, why }) => `${type} ${revision} ${why}`),
          [
            "Ordered 1 UpcastFailed",
            "Ordered 3 InvalidPayload",
            "Sent 1 UpcastFailed",
            "Settled 1 InvalidPayload",
            "Ordered 9 NewerRevision",
            "Teleported 1 UnknownType"
          ]
        )
        assert.deepStrictEqual(found[2]!.id, "x\u2028y")
        const { code, stdout } = yield* doctor(...flags)
        assert.strictEqual(code, 1)
        assert.include(stdout, "60 events, 1 of them erased: 6 cannot be read\n")
        assert.match(
          stdout,
          /\nPurchase Sent, revision 1: 1 event\n.*\n +21 {2}Purchase\/x\\u2028y +1 {2}UpcastFailed: .*nobody knows, where to\n/
        )
        assert.notInclude(stdout, "\u2028")
        assert.isFalse(folder.isInterrupted)
      })
    )
  }

  test(
    "lists the first twenty of a type, and counts them all",
    Effect.gen(function*() {
      const { doctor, json } = yield* bound
      yield* Checkup.write(Array.from({ length: 25 }, () => ({ type: "Teleported" })))
      const { stdout } = yield* doctor("--all")
      assert.include(stdout, "\nPurchase Teleported, revision 1: 25 events\n")
      assert.include(stdout, "\nand 5 more\n")
      assert.match(stdout, /\n +20 {2}Purchase\/1 +20 +UnknownType\n/)
      assert.notMatch(stdout, /\n +21 /)
      assert.strictEqual((yield* json("--all")).unreadable.length, 25)
    })
  )

  test(
    "a sample is spread over the store, of every type and revision, and the same every time",
    Effect.gen(function*() {
      const { json } = yield* bound
      // A hundred that cannot be read, so that they are told, between others of the type, and a type at one place.
      yield* Checkup.write(
        Array.from({ length: 200 }, (_, i) => ({ type: "Teleported", revision: i % 2 === 0 ? 1 : 2 }))
      )
      yield* Checkup.write([{ type: "Vanished" }, { type: "Vanished" }])
      yield* Checkup.write(Array.from({ length: 100 }, () => ({ type: "Teleported", revision: 3 })))
      yield* Checkup.write([{ type: "Vanished" }])
      const positions = (report: Checkup.Report, type: string, revision: number) =>
        report.unreadable.filter((one) => one.type === type && one.revision === revision).map(({ position }) =>
          position
        )
      const report = yield* json("--sample", "5")
      assert.deepStrictEqual(positions(report, "Teleported", 1), [1, 51, 101, 151, 199])
      assert.deepStrictEqual(positions(report, "Teleported", 2), [2, 52, 102, 152, 200])
      assert.deepStrictEqual(positions(report, "Vanished", 1), [201, 202, 303])
      assert.strictEqual(report.decoded.events, 18)
      assert.deepStrictEqual((yield* json("--sample", "5")).unreadable, report.unreadable)
      // Where they are all at one end, those that are near make up the number.
      assert.deepStrictEqual(positions(yield* json("--sample", "2"), "Vanished", 1), [201, 303])
      assert.deepStrictEqual(positions(yield* json("--sample", "1"), "Teleported", 3), [203])
    })
  )

  test(
    "a sample of what lies close together is as large as was asked for",
    Effect.gen(function*() {
      const { json } = yield* bound
      yield* Checkup.write(Array.from({ length: 5 }, () => ({ type: "Vanished" })))
      yield* Checkup.write(readable)
      yield* Checkup.write([{ type: "Vanished" }])
      const report = yield* json("--sample", "4")
      const positions = report.unreadable.map(({ position }) => position)
      assert.deepStrictEqual(positions.toSorted((a, b) => a - b), [1, 2, 5, 14])
    })
  )

  test(
    "a sample is not looked for in small pages where there is none for long",
    Effect.gen(function*() {
      const { json } = yield* bound
      yield* Checkup.write(Array.from({ length: 50 }, () => ({ type: "Teleported" })))
      yield* Checkup.write(Array.from({ length: 3_000 }, () => ({ type: "Teleported", revision: 2 })))
      yield* Checkup.write([{ type: "Teleported" }])
      const { asked, layer } = yield* stopping(1_000)
      const report = yield* Effect.provide(json("--sample", "20"), layer)
      const positions = report.unreadable.filter(({ revision }) => revision === 1).map(({ position }) => position)
      assert.deepStrictEqual(positions, [1, 3_051, ...Array.from({ length: 18 }, (_, i) => i + 2)])
      // About twenty of them for the second revision.
      assert.isBelow(asked.length, 50)
    })
  )

  test(
    "asks for one way to read",
    Effect.gen(function*() {
      const { doctor } = yield* bound
      const both = yield* doctor("--all", "--sample", "3")
      assert.deepStrictEqual(both, {
        code: 2,
        stdout: "",
        stderr: "varve: --sample and --all: expected one of them, got both\n"
      })
      for (const sample of ["0", "10001", "-1", "x"]) {
        const { code, stdout } = yield* doctor("--sample", sample)
        assert.deepStrictEqual([code, stdout], [2, ""])
      }
    })
  )
})

/** A store that stops before a page is read. */
const stopping = Effect.fnUntraced(function*(pages: number) {
  const store = yield* EventStore.EventStore
  const stopped = yield* Latch.make()
  const asked: Array<number> = []
  const layer = Layer.succeed(EventStore.EventStore, {
    ...store,
    readPage: (request) => {
      asked.push(request.after ?? 0)
      return asked.length > pages ? Effect.andThen(stopped.open, Effect.never) : store.readPage(request)
    }
  })
  return { asked, stopped, layer }
})

/** More than a few pages. */
const long = Effect.gen(function*() {
  const store = yield* EventStore.EventStore
  const events = Array.from({ length: 1_000 }, (_, i) => ({
    type: i === 500 ? "Teleported" : "Ordered",
    revision: 3,
    payload: { cents: 1 }
  }))
  for (let i = 0; i < 5; i++) {
    const stream = StreamName.make("Purchase", `${i}`)
    yield* store.append({ writes: [{ stream, expected: 0, events: [events[0]!, ...events.slice(1)] }] })
  }
})

/** Runs a doctor and interrupts it before it reads the page. */
const interrupt = Effect.fnUntraced(function*(folder: Checkup.Folder, pages: number, ...flags: ReadonlyArray<string>) {
  const { layer, stopped } = yield* stopping(pages)
  const fiber = yield* Effect.forkChild(Effect.provide(folder.doctor(...flags), layer))
  yield* stopped.await
  yield* Fiber.interrupt(fiber)
})

describe("a doctor that was interrupted", () => {
  test(
    "goes on behind the last page",
    Effect.gen(function*() {
      const { folder, json } = yield* bound
      yield* long
      yield* interrupt(folder, 2, "--all")
      assert.isTrue(folder.isInterrupted)
      const { asked, layer } = yield* stopping(100)
      const report = yield* Effect.provide(json("--all"), layer)
      assert.deepStrictEqual(asked, [2_000, 3_000, 4_000])
      assert.deepStrictEqual(report.decoded, {
        ...report.decoded,
        events: 5_000,
        erased: 0,
        unreadable: 5,
        resumed: true
      })
      assert.deepStrictEqual(
        report.unreadable.map(({ position }) => position),
        [501, 1_501, 2_501, 3_501, 4_501]
      )
      assert.isFalse(folder.isInterrupted)
      assert.isFalse((yield* json("--all")).decoded.resumed)
    })
  )

  test(
    "goes on with the types that are left",
    Effect.gen(function*() {
      const { folder, json } = yield* bound
      yield* planted
      const whole = yield* json("--sample", "3")
      yield* interrupt(folder, 4, "--sample", "3")
      assert.isTrue(folder.isInterrupted)
      const report = yield* json("--sample", "3")
      assert.isTrue(report.decoded.resumed)
      assert.deepStrictEqual({ ...report, decoded: { ...report.decoded, resumed: false } }, whole)
    })
  )

  test(
    "looks at what was there when it began, and no further",
    Effect.gen(function*() {
      const { folder, json } = yield* bound
      yield* long
      yield* interrupt(folder, 2, "--all")
      yield* Checkup.write([{ type: "Teleported" }])
      assert.strictEqual((yield* json("--all")).decoded.events, 5_000)
      assert.strictEqual((yield* json("--all")).decoded.events, 5_001)
    })
  )

  test(
    "begins anew when it is told to, for other flags, another store, another program, or a state that is none",
    Effect.gen(function*() {
      const { folder, json } = yield* bound
      yield* long
      const resumed = (...flags: ReadonlyArray<string>) => Effect.map(json(...flags), ({ decoded }) => decoded.resumed)
      yield* interrupt(folder, 2, "--all")
      assert.isFalse(yield* resumed("--all", "--restart"))
      yield* interrupt(folder, 2, "--all")
      assert.isFalse(yield* resumed("--sample", "2"))
      yield* interrupt(folder, 2, "--all")
      assert.isFalse(yield* Effect.provide(resumed("--all"), Layer.fresh(EventStore.layerMemory)))
      yield* interrupt(folder, 2, "--all")
      const state = readFileSync(folder.state, "utf8")
      writeFileSync(folder.state, state.replace(/"program":"./, "\"program\":\"-"))
      assert.isFalse(yield* resumed("--all"))
      writeFileSync(folder.state, state.slice(0, 100))
      assert.isFalse(yield* resumed("--all"))
      // The state as it was is one that is gone on with.
      writeFileSync(folder.state, state)
      assert.isTrue(yield* resumed("--all"))
    })
  )

  test(
    "that failed goes on, too",
    Effect.gen(function*() {
      const { folder, json } = yield* bound
      yield* long
      const store = yield* EventStore.EventStore
      let pages = 0
      const failing = Layer.succeed(EventStore.EventStore, {
        ...store,
        readPage: (request) => store.readPage(++pages === 3 ? { ...request, limit: -1 } : request)
      })
      const { code, stderr } = yield* Effect.provide(folder.doctor("--all"), failing)
      assert.strictEqual(code, 2)
      assert.match(stderr, /^varve: limit of a page .*got -1\n$/)
      const { events, resumed } = (yield* json("--all")).decoded
      assert.deepStrictEqual([events, resumed], [5_000, true])
    })
  )
})

describe("hints", () => {
  test(
    "tell of a type under several categories, and of programs at work that cannot read what is there",
    Effect.gen(function*() {
      const { json } = yield* bound
      yield* Checkup.write([
        { type: "Ordered", revision: 3, payload: { cents: 1 } },
        { type: "Rated", category: "Review", payload: { stars: 1 } },
        { type: "Rated", category: "Critique", payload: { stars: 1 } }
      ])
      const programs = yield* ProgramStore.ProgramStore
      const at = { seenAt: DateTime.makeUnsafe(0) }
      const known = { category: "Review", type: "Rated", revision: 1 }
      const alive: ReadonlyArray<ProgramStore.Program> = [
        { ...at, id: "1", name: "old 1", reads: [{ category: "Purchase", type: "Ordered", revision: 2 }] },
        { ...at, id: "2", name: "new 1", reads: [{ category: "Purchase", type: "Ordered", revision: 3 }] },
        // Reads a category whole, and does not know what else is in it.
        { ...at, id: "3", name: "other", reads: [{ ...known, type: "Revoked" }] },
        // Asks for what it knows, wherever it is.
        { ...at, id: "4", name: "ratings", reads: [{ ...known, category: "" }] }
      ]
      const layer = Layer.succeed(ProgramStore.ProgramStore, { ...programs, programs: Effect.succeed(alive) })
      const { hints, well } = yield* Effect.provide(json(), layer)
      assert.isTrue(well)
      assert.deepStrictEqual(hints.slice(2), [
        "Rated is stored under several categories (Critique, Review): readers of one of them do not read the others. Tags"
        + " are to be unique in a store",
        "program old 1 is at work and cannot read revision 3 of Ordered in Purchase: it reads revision 2",
        "program other is at work and cannot read revision 1 of Rated in Review: it does not know the type"
      ])
    })
  )
})
