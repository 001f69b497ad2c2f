/** Live rows for many readers: the newest of each row, resumed without a gap, in bounded memory. */
import { assert, describe, it } from "@effect/vitest"
import { Metadata, Policy, type Rows } from "@varve/core"
import { Live } from "@varve/http"
import { Effect, Exit, Fiber, Layer, Option, Scope } from "effect"
import { TestClock } from "effect/testing"
import { below, modes, Orders, Shop, write } from "../core/Orders.ts"
import { Reader } from "./LiveReader.ts"

type Row = typeof Orders.row.Type

const services = (options: Live.Options = {}, mode: keyof typeof modes = "async") =>
  Live.layer(Shop, options).pipe(Layer.provideMerge(modes[mode]), Layer.provideMerge(below))

const cents = (row: unknown) => (row as Row).cents

/** Follows until the scope closes. */
const follow = (of: string | Rows.Query, options: Parameters<Live.Live["Service"]["subscribe"]>[2] = {}) =>
  Effect.map(Live.Live.use((live) => live.subscribe("Orders", of, options)), (one) => new Reader(one))

for (const mode of ["live", "async", "inline"] as const) {
  describe(`live rows, ${mode}`, () => {
    it.live("tells a row as it is, and whenever it changes", () =>
      Effect.gen(function*() {
        yield* write("o1", ["Placed", "ada", 5])
        yield* Orders.whenCaughtUp()
        const reader = yield* follow("o1")
        assert.deepStrictEqual(yield* reader.until(() => reader.isLevel), ["row o1", "level"])
        assert.strictEqual(cents(reader.rows.get("o1")), 5)
        yield* write("o2", ["Placed", "ada", 1])
        yield* write("o1", ["Placed", "ada", 2])
        yield* reader.until(() => cents(reader.rows.get("o1")) === 7)
        yield* write("o1", ["Cancelled"])
        yield* reader.until(() => !reader.rows.has("o1"))
        assert.strictEqual(reader.position, 4)
      }).pipe(Effect.scoped, Effect.provide(services({}, mode))))

    it.live("tells the rows of a query, and of those that leave it", () =>
      Effect.gen(function*() {
        for (const [id, cents] of [["o1", 5], ["o2", 6], ["o3", 7]] as const) yield* write(id, ["Placed", "ada", cents])
        yield* write("b", ["Placed", "bob", 7])
        yield* Orders.whenCaughtUp()
        const reader = yield* follow({ index: "customer", where: { customer: "ada" }, from: 6 })
        assert.deepStrictEqual(yield* reader.until(() => reader.isLevel), ["resync", "row o2", "row o3", "level"])
        yield* write("o1", ["Placed", "ada", 5])
        yield* write("o2", ["Cancelled"])
        yield* reader.until(() => reader.rows.has("o1") && !reader.rows.has("o2"))
        assert.deepStrictEqual(Array.from(reader.rows.keys()).sort(), ["o1", "o3"])
      }).pipe(Effect.scoped, Effect.provide(services({}, mode))))
  })
}

describe("live rows", () => {
  it.live("tells an empty list, too", () =>
    Effect.gen(function*() {
      const reader = yield* follow({})
      assert.deepStrictEqual(yield* reader.until(() => reader.isLevel), ["resync", "level"])
    }).pipe(Effect.scoped, Effect.provide(services())))

  it.live("resumes a row: nothing is told twice, and nothing is missed", () =>
    Effect.gen(function*() {
      yield* write("o1", ["Placed", "ada", 5])
      yield* Orders.whenCaughtUp()
      const keep = yield* follow("o2")
      const first = yield* follow("o1")
      yield* first.until(() => first.isLevel)
      const unchanged = yield* follow("o1", { after: first.id })
      assert.deepStrictEqual(yield* unchanged.take, ["heartbeat"])
      yield* write("o1", ["Placed", "ada", 1])
      yield* write("o2", ["Placed", "ada", 1])
      yield* keep.until(() => keep.rows.has("o2"))
      const changed = yield* follow("o1", { after: first.id })
      yield* changed.until(() => changed.isLevel)
      assert.strictEqual(cents(changed.rows.get("o1")), 6)
    }).pipe(Effect.scoped, Effect.provide(services())))

  it.live("resumes a list with what has changed, and what has gone", () =>
    Effect.gen(function*() {
      for (const id of ["o1", "o2", "o3"]) yield* write(id, ["Placed", "ada", 5])
      yield* Orders.whenCaughtUp()
      const unpaid = { index: "paid", where: { paid: false } }
      const keep = yield* follow(unpaid)
      yield* keep.until(() => keep.isLevel)
      yield* write("o2", ["Paid", "2024-02-29T12:00:00.000Z"])
      yield* write("o4", ["Placed", "ada", 5])
      yield* keep.until(() => keep.rows.has("o4"))
      const back = yield* follow(unpaid, { after: "3" })
      assert.deepStrictEqual((yield* back.take).toSorted(), ["gone o2", "row o4"])
      assert.strictEqual(back.position, 5)
    }).pipe(Effect.scoped, Effect.provide(services())))

  it.live("has a list computed once for all who follow it, and one feed for all", () =>
    Effect.gen(function*() {
      const readers = yield* Effect.forEach(Array.from({ length: 50 }), () =>
        follow({ index: "paid", where: { paid: false } }))
      yield* follow({ index: "paid", where: { paid: true } })
      yield* Effect.forEach(Array.from({ length: 10 }), (_, i) =>
        follow(`o${i}`))
      assert.deepStrictEqual(yield* Live.Live.use(({ status }) => status), {
        feeds: 1,
        lists: 2,
        connections: 0,
        subscribers: 61,
        // The rows that the ten begin with.
        pending: 10
      })
      yield* write("o1", ["Placed", "ada", 5])
      yield* Effect.forEach(readers, (reader) => reader.until(() => reader.rows.has("o1")))
    }).pipe(Effect.scoped, Effect.provide(services())))

  it.live("keeps tenants apart", () =>
    Effect.gen(function*() {
      const acme = Metadata.provide({ tenant: "acme" })
      const reader = yield* acme(follow("o1"))
      const other = yield* follow("o1")
      yield* other.until(() => other.isLevel)
      yield* acme(write("o1", ["Placed", "ada", 5]))
      yield* reader.until(() => reader.rows.has("o1"))
      yield* write("o1", ["Placed", "bob", 7])
      yield* other.until(() => other.rows.has("o1"))
      assert.strictEqual(cents(other.rows.get("o1")), 7)
      assert.strictEqual(cents(reader.rows.get("o1")), 5)
    }).pipe(Effect.scoped, Effect.provide(services())))

  it.live("tells whoever is slow the newest of each row, and starts anew who is too slow", () =>
    Effect.gen(function*() {
      const slow = yield* follow({})
      yield* slow.until(() => slow.isLevel)
      const quick = yield* follow("o29")
      for (let i = 0; i < 30; i++) yield* write(`o${i % 5}`, ["Placed", "ada", 1])
      yield* write("o29", ["Placed", "ada", 1])
      yield* quick.until(() => quick.rows.has("o29"))
      // Of 31 changes 6 rows wait.
      assert.strictEqual((yield* Live.Live.use(({ status }) => status)).pending, 6)
      assert.lengthOf(yield* slow.take, 6)
      for (let i = 0; i < 30; i++) yield* write(`o${i}`, ["Placed", "ada", 1])
      yield* quick.until(() => cents(quick.rows.get("o29")) === 2)
      slow.isLevel = false
      const messages = yield* slow.until(() => slow.isLevel)
      assert.strictEqual(messages[0], "resync")
      assert.lengthOf(messages, 32)
      assert.strictEqual(slow.rows.size, 30)
    }).pipe(Effect.scoped, Effect.provide(services({ pendingRows: 10 }))))

  it.live("hides rows that a reader may not see, and never tells their keys", () =>
    Effect.gen(function*() {
      const allowed = (_: string, row: unknown) => (row as Row).customer === "ada"
      yield* write("b1", ["Placed", "bob", 1])
      yield* write("a1", ["Placed", "ada", 1])
      yield* Orders.whenCaughtUp()
      const list = yield* follow({}, { allowed })
      const row = yield* follow("b1", { allowed })
      yield* row.until(() => row.isLevel)
      assert.isFalse(row.rows.has("b1"))
      assert.deepStrictEqual(yield* list.until(() => list.isLevel), ["resync", "row a1", "level"])
      yield* write("b1", ["Cancelled"])
      yield* write("b2", ["Placed", "bob", 1])
      // An order that changes hands.
      yield* write("a1", ["Placed", "bob", 1])
      yield* write("a2", ["Placed", "ada", 1])
      const told = yield* list.until(() => list.rows.has("a2"))
      assert.deepStrictEqual(told, ["gone a1", "row a2"])
    }).pipe(Effect.scoped, Effect.provide(services())))

  it.live("lets nobody see what the rules of the domain deny", () =>
    Effect.gen(function*() {
      const everyone = { get: Policy.everyone, list: Policy.everyone }
      const none = { commands: {}, read: Policy.nobody }
      const Access = Policy.make(Shop, {
        Order: none,
        Payment: none,
        Orders: {
          get: ({ actor }, row) => Option.isNone(row) || row.value.customer === actor.id,
          list: ({ actor, where }) => where.customer === actor.id
        },
        Customers: everyone
      })
      const ruled = Effect.provide(Policy.layer(Access))
      const ada = Policy.as({ id: "ada", roles: [] })
      yield* write("a1", ["Placed", "ada", 1])
      yield* write("b1", ["Placed", "bob", 1])
      yield* Orders.whenCaughtUp()
      const refused = (of: string | Rows.Query, after?: string) =>
        Effect.map(Effect.flip(follow(of, { after })), ({ reason }) => reason._tag).pipe(ada, ruled)
      assert.strictEqual(yield* refused("b1"), "Forbidden")
      assert.strictEqual(yield* refused("b1", "2"), "Forbidden")
      assert.strictEqual(yield* refused({}), "Forbidden")
      assert.strictEqual(yield* refused({ index: "customer", where: { customer: "bob" } }), "Forbidden")
      const list = yield* follow({ index: "customer", where: { customer: "ada" } }).pipe(ada, ruled)
      assert.deepStrictEqual(yield* list.until(() => list.isLevel), ["resync", "row a1", "level"])
      const mine = yield* follow("a1").pipe(ada, ruled)
      yield* mine.until(() => mine.isLevel)
      assert.isTrue(mine.rows.has("a1"))
      // An order that changes hands.
      yield* write("a1", ["Placed", "bob", 1])
      assert.deepStrictEqual(yield* mine.until(() => mine.isOver), ["failure Forbidden"])
      assert.deepStrictEqual(yield* list.until(() => !list.rows.has("a1")), ["gone a1"])
    }).pipe(Effect.scoped, Effect.provide(services())))

  it.effect("says now and then that nothing is new, and cuts who takes nothing", () =>
    Effect.gen(function*() {
      const idle = yield* follow("o1")
      const dead = yield* follow("o1")
      let cut = false
      dead.subscription.outlet.onStalled = () => cut = true
      yield* idle.until(() => idle.isLevel)
      yield* dead.until(() => dead.isLevel)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* idle.take, ["heartbeat"])
      yield* TestClock.adjust("9 seconds")
      assert.isFalse(cut)
      yield* TestClock.adjust("12 seconds")
      assert.isTrue(cut)
      assert.deepStrictEqual(yield* dead.take, ["end stalled"])
      assert.deepStrictEqual(yield* dead.take, [])
      assert.deepStrictEqual(yield* idle.take, ["end stalled"])
    }).pipe(Effect.scoped, Effect.provide(services({ heartbeat: "10 seconds", stall: "20 seconds" }, "live"))))

  it.effect("stops what nobody follows any more, after a while", () =>
    Effect.gen(function*() {
      const status = Live.Live.use(({ status }) => status)
      const scope = yield* Scope.make()
      yield* Scope.provide(scope)(follow({}))
      yield* Scope.close(scope, Exit.void)
      yield* TestClock.adjust("9 seconds")
      assert.deepStrictEqual(yield* status, { feeds: 1, lists: 1, connections: 0, subscribers: 0, pending: 0 })
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(yield* status, { feeds: 0, lists: 0, connections: 0, subscribers: 0, pending: 0 })
    }).pipe(Effect.scoped, Effect.provide(services({}, "live"))))

  it.live("ends with a place to resume from when it closes, and takes no more", () =>
    Effect.gen(function*() {
      const reader = yield* follow("o1")
      const waiting = yield* Effect.forkScoped(reader.until(() => reader.isOver))
      yield* Live.Live.use(({ close }) => close)
      assert.strictEqual((yield* Fiber.join(waiting)).at(-1), "end closing")
      const error = yield* Effect.flip(follow("o1"))
      assert.strictEqual(error.reason._tag, "Unavailable")
    }).pipe(Effect.scoped, Effect.provide(services())))

  it.live("answers wrong questions within a bound, by type", () =>
    Effect.gen(function*() {
      yield* write("o1", ["Placed", "ada", 5])
      yield* Orders.whenCaughtUp()
      const keep = yield* follow("o1")
      const failure = (of: string | Rows.Query, after?: string) =>
        Effect.map(Effect.flip(follow(of, { after })), ({ reason }) => reason)
      const future = yield* failure("o1", `${keep.subscription.idOf(1_000)}`)
      assert.strictEqual(future._tag, "Behind")
      assert.strictEqual((yield* failure("o1", "another:1@1"))._tag, "Refused")
      assert.strictEqual((yield* failure("o1", "nonsense"))._tag, "Refused")
      assert.strictEqual((yield* failure(""))._tag, "Refused")
      assert.strictEqual((yield* failure({ index: "none" }))._tag, "Refused")
      const strange = yield* Effect.flip(Live.Live.use((live) => live.subscribe("Strange", "o1")))
      assert.strictEqual(strange.reason._tag, "Refused")
      // They have left nothing behind.
      assert.strictEqual((yield* Live.Live.use(({ status }) => status)).lists, 0)
    }).pipe(Effect.scoped, Effect.provide(services({ wait: "50 millis" }))))

  it.live("refuses a list that is too long, at first and when it grows", () =>
    Effect.gen(function*() {
      for (const id of ["o1", "o2"]) yield* write(id, ["Placed", "ada", 5])
      yield* Orders.whenCaughtUp()
      const reader = yield* follow({})
      yield* reader.until(() => reader.isLevel)
      yield* write("o3", ["Placed", "ada", 5])
      const messages = yield* reader.until(() => reader.isOver)
      assert.strictEqual(messages.at(-1), "failure Refused")
      const error = yield* Effect.flip(follow({}))
      assert.strictEqual(error.reason._tag, "Refused")
    }).pipe(Effect.scoped, Effect.provide(services({ rowsPerList: 2 }))))

  it.live("takes no more readers than it may have", () =>
    Effect.gen(function*() {
      yield* follow("o1")
      const error = yield* Effect.flip(follow("o2"))
      assert.strictEqual(error.reason._tag, "Unavailable")
    }).pipe(Effect.scoped, Effect.provide(services({ subscribers: 1 }))))
})
