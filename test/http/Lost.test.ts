import { assert, describe, it } from "@effect/vitest"
import { CommitId, EventStoreError } from "@varve/core"
import { Balances } from "@varve/example-bank/Balances"
import { Bank } from "@varve/example-bank/Bank"
import { BankAccount, Deposit, Id, Open } from "@varve/example-bank/BankAccount"
import { Api, Client, Limits } from "@varve/http"
import { Deferred, Effect, Fiber, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import { type Fetch, fetching, handler, here, url } from "./OverHttp.ts"

const ada = Id.make("ada")
const open = Open.make({ owner: "Ada", currency: "EUR" })
const deposit = Deposit.make({ cents: 1, currency: "EUR" })

type Fate = "answered" | "never sent" | "answer lost" | "of a proxy" | "garbage"

/** A network that does to each request what is written, and afterwards lets them through; and what was sent. */
const network = (fates: ReadonlyArray<Fate>) =>
  Effect.gen(function*() {
    const server = yield* handler(Api.make(Bank).layer, here(Bank))
    const keys: Array<string | null> = []
    let underWay = 0
    const answer: Fetch = async (request) => {
      keys.push(request.headers.get("idempotency-key"))
      const fate = fates[keys.length - 1] ?? "answered"
      if (fate === "never sent") throw new TypeError("fetch failed")
      if (fate === "of a proxy") return new Response("<h1>Bad Gateway</h1>", { status: 502 })
      const response = await server(request)
      if (fate === "answer lost") throw new TypeError("fetch failed")
      return fate === "garbage" ? new Response("<h1>Hello</h1>", { status: 200 }) : response
    }
    const fetch: Fetch = (request) => {
      underWay++
      return answer(request).finally(() => underWay--)
    }
    const client = Client.layer(Bank, { url }).pipe(Layer.provide(fetching(fetch)))
    return { keys, client, isIdle: () => underWay === 0 }
  })

/** Lets pauses between requests pass, as often as there can be one: no time passes while the server is at work. */
const passing = <A, E, R>(self: Effect.Effect<A, E, R>, isIdle: () => boolean = () => true) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(self)
    while (fiber.pollUnsafe() === undefined) {
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      if (isIdle()) yield* TestClock.adjust("100 millis")
    }
    return yield* Fiber.join(fiber)
  })

describe("A command whose answer is lost", () => {
  for (const fate of ["never sent", "answer lost", "of a proxy", "garbage"] as const) {
    it.effect(`is sent again with its key, and done once: ${fate}`, () =>
      Effect.gen(function*() {
        const { client, isIdle, keys } = yield* network(["answered", fate, fate])
        const loaded = yield* passing(
          Effect.gen(function*() {
            yield* BankAccount.execute(ada, open)
            const deposited = yield* BankAccount.execute(ada, deposit)
            assert.strictEqual(deposited.version, 2)
            return yield* BankAccount.load(ada)
          }).pipe(Effect.provide(client)),
          isIdle
        )
        assert.strictEqual(loaded.version, 2)
        assert.deepStrictEqual(new Set(keys.slice(1, 4)).size, 1)
        assert.notStrictEqual(keys[0], keys[1])
      }).pipe(Effect.scoped))
  }

  it.effect("again and again is unknown, under the id that it can be sent again with", () =>
    Effect.gen(function*() {
      const lost = Array.from({ length: Limits.resends + 1 }, (): Fate => "answer lost")
      const { client, isIdle, keys } = yield* network(lost)
      const commitId = yield* CommitId.generate
      yield* passing(
        Effect.gen(function*() {
          const error = yield* Effect.flip(BankAccount.execute(ada, open, { commitId }))
          assert.strictEqual(keys.length, Limits.resends + 1)
          assert.deepStrictEqual(
            error._tag === "ExecutionError" && error.reason,
            new EventStoreError.OutcomeUnknown({ commitId })
          )
          const found = yield* BankAccount.execute(ada, open, { commitId })
          assert.isTrue(Option.getOrThrow(found.receipt).replayed)
          assert.strictEqual(found.version, 1)
        }).pipe(Effect.provide(client)),
        isIdle
      )
    }).pipe(Effect.scoped))

  it.effect("has been waited for, for a bounded time", () =>
    Effect.gen(function*() {
      const silent = yield* Deferred.make<Response>()
      const fetch: Fetch = () => Effect.runPromise(Deferred.await(silent))
      const client = Client.layer(Bank, { url, answerTimeout: "1 second" }).pipe(Layer.provide(fetching(fetch)))
      const error = yield* passing(Effect.flip(BankAccount.execute(ada, open)).pipe(Effect.provide(client)))
      assert.strictEqual(error._tag === "ExecutionError" && error.reason._tag, "OutcomeUnknown")
    }).pipe(Effect.scoped))
})

describe("A read that is not answered", () => {
  it.effect("is asked again, and unavailable in the end", () =>
    Effect.gen(function*() {
      const { client, isIdle, keys } = yield* network(
        Array.from({ length: Limits.resends + 2 }, (): Fate => "never sent")
      )
      yield* passing(
        Effect.gen(function*() {
          const error = yield* Effect.flip(Balances.get("ada"))
          assert.strictEqual(error.reason._tag, "Unavailable")
          assert.strictEqual(keys.length, Limits.resends + 1)
          assert.deepStrictEqual(yield* Balances.get("ada"), Option.none())
        }).pipe(Effect.provide(client)),
        isIdle
      )
    }).pipe(Effect.scoped))

  it.effect("by the API is refused", () =>
    Effect.gen(function*() {
      const fetch: Fetch = async () => new Response("Not Found", { status: 404 })
      const client = Client.layer(Bank, { url }).pipe(Layer.provide(fetching(fetch)))
      yield* passing(
        Effect.gen(function*() {
          assert.strictEqual((yield* Effect.flip(Balances.get("ada"))).reason._tag, "Refused")
          const error = yield* Effect.flip(BankAccount.execute(ada, open))
          assert.strictEqual(error._tag === "ExecutionError" && error.reason._tag, "Refused")
        }).pipe(Effect.provide(client))
      )
    }).pipe(Effect.scoped))
})
