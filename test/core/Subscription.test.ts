/** Delivery to handlers: at least once, in the order of each key, whatever fails. */
import { assert, describe, it } from "@effect/vitest"
import { EventStore, Metadata, StreamName, Subscription } from "@varve/core"
import { Context, Deferred, Effect, Fiber, Layer, Option, Schedule } from "effect"
import { TestClock } from "effect/testing"
import { base, place, Placed, placed, Shipped, unavailable, until, withRows, write } from "./Running.ts"

const run = Effect.provide(base)

class Mails extends Subscription.make("Mails", { events: [Placed, Shipped] }) {}

class ByCustomer extends Subscription.make("ByCustomer", {
  events: [Placed],
  key: { Placed: ({ customer }) => customer },
  retry: Schedule.recurs(2)
}) {}

const level = (of: { readonly status: typeof Mails.status }) =>
  until(
    "the subscription is at the head",
    Effect.map(of.status, Option.exists(({ head, position }) => position === head))
  )

/** Handlers that note what they are handed: key and cents. Negative amounts fail, unless told otherwise. */
const noting = (log: Array<string>, fails: (cents: number) => boolean = (cents) => cents < 0) => ({
  Placed: ({ cents, customer }: typeof Placed.schema.Type, { attempt }: Subscription.Delivery) =>
    Effect.suspend(() => {
      log.push(`${customer} ${cents} ${attempt}`)
      return fails(cents) ? Effect.fail(new Error(`cents: ${cents}`)) : Effect.void
    })
})

describe("Subscription", () => {
  it.effect("delivers every event once, with what is known of it", () =>
    Effect.gen(function*() {
      const seen: Array<Subscription.Delivery> = []
      const note = (_: unknown, delivery: Subscription.Delivery) => Effect.sync(() => seen.push(delivery))
      const store = yield* EventStore.EventStore
      const receipt = yield* store.append({
        writes: [{
          stream: StreamName.make("Order", "o1", "acme"),
          expected: 0,
          events: [
            { type: "Placed", revision: 1, payload: { customer: "ada", cents: 1 } },
            { type: "Other", revision: 1, payload: {} },
            { type: "Shipped", revision: 1, payload: {} }
          ]
        }],
        metadata: { actor: "bob", correlationId: "talk" }
      })
      yield* Effect.forkScoped(Mails.run({ Placed: note, Shipped: note }))
      yield* level(Mails)
      yield* Mails.whenCaughtUp({ after: receipt })
      assert.strictEqual(seen.length, 2)
      assert.deepInclude(seen[1], {
        key: "o1",
        stream: StreamName.make("Order", "o1", "acme"),
        version: 3,
        position: 3,
        index: 0,
        attempt: 1,
        eventId: `${receipt.commitId}/2`,
        actor: "bob",
        correlationId: "talk"
      })
      assert.deepStrictEqual(seen[1]!.recordedAt, receipt.recordedAt)
    }).pipe(run))

  it.effect("runs handlers in the circumstances of the event, with the services they ask for", () =>
    Effect.gen(function*() {
      class Post
        extends Context.Service<Post, { readonly send: (text: string) => Effect.Effect<void> }>()("test/Post")
      {}
      const sent: Array<string> = []
      const seen: Array<Metadata.Metadata> = []
      const post = Layer.succeed(Post, { send: (text) => Effect.sync(() => sent.push(text)) })
      const layer = Mails.layer({
        Placed: ({ customer }) =>
          Effect.gen(function*() {
            seen.push(yield* Metadata.Current)
            yield* Post.use(({ send }) => send(customer))
          }),
        Shipped: () => Effect.void
      })
      const { commitId } = yield* EventStore.EventStore.use((store) =>
        store.append({
          writes: [{
            stream: StreamName.make("Order", "o1", "acme"),
            expected: 0,
            events: [{ type: "Placed", revision: 1, payload: { customer: "ada", cents: 1 } }]
          }]
        })
      )
      yield* Effect.provide(level(Mails), Layer.provide(layer, post)).pipe(Metadata.provide({ actor: "the mailer" }))
      assert.deepStrictEqual(sent, ["ada"])
      assert.deepStrictEqual(seen, [{
        tenant: "acme",
        actor: "the mailer",
        causationId: `${commitId}/0`,
        correlationId: commitId
      }])
    }).pipe(run))

  it.effect("starts where it is told, the first time", () =>
    Effect.gen(function*() {
      for (const cents of [1, 2, 3]) yield* place("ada", cents)
      const started = Effect.fnUntraced(
        function*(name: string, from?: "start" | "end" | { readonly position: number }) {
          const of = Subscription.make(name, { events: [Placed], ...(from !== undefined && { from }) })
          const log: Array<string> = []
          const fiber = yield* Effect.forkScoped(of.run(noting(log)))
          yield* level(of)
          return { of, log, fiber }
        }
      )
      const one = yield* started("One")
      const two = yield* started("Two", { position: 2 })
      const three = yield* started("Three", "end")
      yield* place("ada", 4)
      for (const { of } of [one, two, three]) yield* level(of)
      assert.deepStrictEqual([one.log.length, two.log.length, three.log.length], [4, 2, 1])
      yield* Fiber.interrupt(three.fiber)
      yield* place("ada", 5)
      const again = yield* started("Three", "end")
      assert.deepStrictEqual(again.log, ["ada 5 1"])
      const error = yield* Effect.flip(
        Subscription.make("Four", { events: [Placed], from: { position: -1 } }).run(noting([]))
      )
      assert.strictEqual(error.reason._tag, "Refused")
    }).pipe(run))

  it.effect("keeps the order of each key in any number of partitions, and loses none when the number changes", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      for (const partitions of [1, 4, 2]) {
        for (let i = 0; i < 30; i++) yield* place(`c${i % 7}`, log.length + i)
        const fiber = yield* Effect.forkScoped(ByCustomer.run(noting(log), { partitions, pageSize: 4 }))
        yield* until(
          "the partitions are there",
          Effect.map(ByCustomer.status, Option.exists((status) => status.partitions.length === partitions))
        )
        yield* level(ByCustomer)
        yield* Fiber.interrupt(fiber)
      }
      assert.strictEqual(log.length, 90)
      for (let i = 0; i < 7; i++) {
        const amounts = log.filter((line) => line.startsWith(`c${i} `)).map((line) => Number(line.split(" ")[1]))
        assert.deepStrictEqual(amounts, amounts.toSorted((a, b) => a - b))
      }
    }).pipe(run))

  it.effect("retries as the schedule says, then parks the event and what is behind it; others go on", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      let broken = true
      yield* Effect.forEach(
        [["ada", 1], ["ada", -5], ["ada", 2], ["bob", 3]] as const,
        ([who, cents]) => place(who, cents)
      )
      yield* Effect.forkScoped(ByCustomer.run(noting(log, (cents) => broken && cents < 0)))
      yield* level(ByCustomer)
      assert.deepStrictEqual(log, ["ada 1 1", "ada -5 1", "ada -5 2", "ada -5 3", "bob 3 1"])
      const parked = yield* ByCustomer.parked()
      assert.deepStrictEqual(parked.map(({ attempts, cause, key, position }) => [key, position, attempts, cause]), [
        ["ada", 2, 3, "cents: -5"],
        ["ada", 3, 0, ""]
      ])
      assert.deepStrictEqual(yield* ByCustomer.parked({ key: "bob" }), [])

      // One more round, which fails as well.
      log.length = 0
      yield* ByCustomer.retry("ada")
      yield* until("it was tried", Effect.map(ByCustomer.parked(), ([first]) => first?.attempts === 6))
      assert.deepStrictEqual(log, ["ada -5 4", "ada -5 5", "ada -5 6"])

      log.length = 0
      broken = false
      yield* ByCustomer.retry("ada")
      yield* until("nothing is parked", Effect.map(ByCustomer.parked(), (parked) => parked.length === 0))
      assert.deepStrictEqual(log, ["ada -5 7", "ada 2 1"])
      const error = yield* Effect.flip(ByCustomer.retry("ada"))
      assert.strictEqual(error.reason._tag, "Refused")
    }).pipe(run))

  it.effect("gives up what is skipped", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      yield* Effect.forEach([["ada", -5], ["ada", 2]] as const, ([who, cents]) => place(who, cents))
      yield* Effect.forkScoped(ByCustomer.run(noting(log)))
      yield* level(ByCustomer)
      yield* ByCustomer.skip("ada")
      yield* until("nothing is parked", Effect.map(ByCustomer.parked(), (parked) => parked.length === 0))
      assert.strictEqual(log.at(-1), "ada 2 1")
    }).pipe(run))

  it.effect("takes a defect, and an interruption from within, for failures", () =>
    Effect.gen(function*() {
      const Strange = Subscription.make("Strange", { events: [Placed], retry: Schedule.recurs(0) })
      yield* place("ada", 1)
      yield* place("bob", 2)
      yield* Effect.forkScoped(Strange.run({
        Placed: ({ cents }) => cents === 1 ? Effect.die(new Error("a defect")) : Effect.interrupt
      }))
      yield* level(Strange)
      const parked = yield* Strange.parked()
      assert.strictEqual(parked.length, 2)
      assert.strictEqual(parked[0]!.cause, "a defect")
    }).pipe(run))

  it.effect("halts where its policy says so, and goes on at that event", () =>
    Effect.gen(function*() {
      const Strict = Subscription.make("Strict", {
        events: [Placed],
        onFailure: "halt",
        retry: Schedule.recurs(0)
      })
      const log: Array<string> = []
      let broken = true
      yield* write("one", placed("ada", 1), placed("ada", -5), placed("bob", 2))
      yield* Effect.forkScoped(Strict.run(noting(log, (cents) => broken && cents < 0)))
      const inState = (state: string) =>
        until(`it is ${state}`, Effect.map(Strict.status, Option.exists((status) => status.state === state)))
      yield* inState("halted")
      const status = Option.getOrThrow(yield* Strict.status)
      assert.strictEqual(status.position, 1)
      assert.strictEqual(status.failure?.position, 2)
      broken = false
      yield* Strict.resume
      yield* level(Strict)
      assert.deepStrictEqual(log, ["ada 1 1", "ada -5 1", "ada -5 1", "bob 2 1"])
    }).pipe(run))

  it.effect("leaves behind what it has handled when it is stopped in mid-page", () =>
    Effect.gen(function*() {
      for (const cents of [1, 2, 3, 4]) yield* place("ada", cents)
      const log: Array<string> = []
      const third = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkScoped(ByCustomer.run({
        Placed: ({ cents }) => {
          log.push(`${cents}`)
          return cents === 3 ? Effect.andThen(Deferred.succeed(third, undefined), Effect.never) : Effect.void
        }
      }))
      yield* Deferred.await(third)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(Option.getOrThrow(yield* ByCustomer.status).position, 2)
      yield* Effect.forkScoped(ByCustomer.run({ Placed: ({ cents }) => Effect.sync(() => log.push(`${cents}`)) }))
      yield* level(ByCustomer)
      assert.deepStrictEqual(log, ["1", "2", "3", "3", "4"])
    }).pipe(run))

  it.effect("delivers a page again when its checkpoint could not be stored", () =>
    Effect.gen(function*() {
      for (const cents of [1, 2]) yield* place("ada", cents)
      const log: Array<string> = []
      let failed = false
      yield* Effect.forkScoped(ByCustomer.run(noting(log))).pipe(withRows((rows) => ({
        commit: (batch, within) => {
          if (failed || batch.to === batch.from) return rows.commit(batch, within)
          failed = true
          return Effect.fail(unavailable)
        }
      })))
      yield* level(ByCustomer)
      assert.deepStrictEqual(log, ["ada 1 1", "ada 2 1", "ada 1 1", "ada 2 1"])
    }).pipe(run))

  it.effect("stops handling as soon as the lease is somebody else's", () =>
    Effect.gen(function*() {
      for (const cents of [1, 2, 3]) yield* place("ada", cents)
      const log: Array<string> = []
      const slow = yield* Deferred.make<void>()
      const started = yield* Deferred.make<void>()
      let calls = 0
      yield* Effect.forkScoped(ByCustomer.run({
        Placed: ({ cents }) =>
          Effect.gen(function*() {
            log.push(`first ${cents}`)
            yield* Deferred.succeed(started, undefined)
            yield* Deferred.await(slow)
          })
      }, { lease: "10 seconds" })).pipe(withRows((rows) => ({
        // Its renewals do not arrive.
        acquire: (request) => calls++ === 0 ? rows.acquire(request) : Effect.never
      })))
      yield* Deferred.await(started)
      yield* Effect.forkScoped(
        ByCustomer.run({ Placed: ({ cents }) => Effect.sync(() => log.push(`second ${cents}`)) })
      )
      yield* TestClock.adjust("11 seconds")
      yield* level(ByCustomer)
      yield* Deferred.succeed(slow, undefined)
      yield* TestClock.adjust(0)
      assert.deepStrictEqual(log, ["first 1", "second 1", "second 2", "second 3"])
    }).pipe(run))

  it.effect("pauses and resumes", () =>
    Effect.gen(function*() {
      const log: Array<string> = []
      yield* Effect.forkScoped(ByCustomer.run(noting(log)))
      yield* level(ByCustomer)
      yield* ByCustomer.pause
      yield* place("ada", 1)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(log, [])
      assert.strictEqual((yield* Effect.flip(ByCustomer.whenCaughtUp({ timeout: 0 }))).reason._tag, "Behind")
      yield* ByCustomer.resume
      yield* level(ByCustomer)
      assert.deepStrictEqual(log, ["ada 1 1"])
    }).pipe(run))

  it.effect("refuses a receipt of another store", () =>
    Effect.gen(function*() {
      const receipt = yield* Effect.provide(place("ada", 1), Layer.fresh(EventStore.layerMemory))
      yield* Effect.forkScoped(ByCustomer.run(noting([])))
      yield* place("ada", 1)
      yield* level(ByCustomer)
      const error = yield* Effect.flip(ByCustomer.whenCaughtUp({ after: receipt }))
      assert.strictEqual(error.reason._tag, "Refused")
    }).pipe(run))

  it.effect("reads the events of some aggregates only, where it is told whose", () =>
    Effect.gen(function*() {
      const Own = Subscription.make("Own", { events: [Placed], aggregates: [{ tag: "Cart" }] })
      const log: Array<string> = []
      yield* place("ada", 1)
      const events = [{ type: "Placed", revision: 1, payload: { customer: "bob", cents: 2 } }] as const
      yield* EventStore.EventStore.use((store) =>
        store.append({ writes: [{ stream: StreamName.make("Cart", "c"), expected: 0, events }] })
      )
      yield* Effect.forkScoped(Own.run(noting(log)))
      yield* level(Own)
      assert.deepStrictEqual(log, ["bob 2 1"])
    }).pipe(run))

  it("dies of two events of one tag, and of a name that cannot be stored", () => {
    assert.throws(
      () => Subscription.make("S", { events: [Placed, Placed] }),
      "Subscription S: two events of the tag Placed"
    )
    assert.throws(() => Subscription.make("no name", { events: [] }), "expected a letter")
  })
})
