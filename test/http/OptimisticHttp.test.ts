/** Optimistic clients over real connections, which are cut, of a server that is stopped and started again. */
import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { CommitId, Domain, EventStore, Projection, Upcaster } from "@varve/core"
import { Api, Live, LiveApi, LiveSocket } from "@varve/http"
import { Client, Optimistic } from "@varve/http/client"
import { Context, Effect, Exit, Fiber, Layer, Option, Schema, Scope } from "effect"
import { FetchHttpClient, HttpRouter } from "effect/http"
import type { Server } from "node:http"
import { Account, Deposit, Deposited, Id, Open, Opened, Withdraw, Withdrawn } from "../core/Account.ts"
import { random } from "../support/random.ts"
import * as Loopback from "./Loopback.ts"
import * as World from "./OptimisticWorld.ts"

const seeds = Number(process.env["VARVE_OPTIMISTIC_HTTP_SEEDS"] ?? 1)
const first = Number(process.env["VARVE_OPTIMISTIC_HTTP_SEED"] ?? 1)

/** Rows that a deposit leaves as they are. */
class Owners extends Projection.make("Owners", {
  row: Schema.Struct({ owner: Schema.String }),
  events: [Opened, Deposited]
}).fold({
  on: { Opened: (_, { owner }) => ({ owner }), Deposited: (row) => row }
}) {}

/** Rows of those who have withdrawn something since their last deposit. */
class Spenders extends Projection.make("Spenders", {
  row: Schema.Struct({ cents: Schema.Int }),
  events: [Deposited, Withdrawn]
}).fold({
  on: { Deposited: () => undefined, Withdrawn: (_, { cents }) => ({ cents }) }
}) {}

const { aggregates, projections } = World.Bank
const Bank = Domain.make("Bank", { aggregates, projections: [...projections, Owners, Spenders] })

const api = Api.make(Bank)

const layerStore = Layer.merge(EventStore.layerMemory, Upcaster.layer())
type Store = Layer.Success<typeof layerStore>

/** All but the store, so that a server that is started again knows what is stored, and nothing else. */
const serving = (mode: "live" | "async", store: Context.Context<Store>) => (server: Server, port: number) =>
  Live.closeFirst(
    HttpRouter.serve(Layer.merge(api.layer, LiveApi.layer(api)), { disableLogger: true, disableListenLog: true }).pipe(
      Layer.provide(NodeHttpServer.layer(() => server, { port, host: "127.0.0.1" }))
    )
  ).pipe(
    Layer.provide(Live.layer(Bank)),
    Layer.provideMerge(Bank.layer({ Balances: mode, Totals: mode, Owners: mode, Spenders: mode })),
    Layer.provide(Layer.succeedContext(store))
  )

const clientOf = (url: string, overSocket: boolean, storage: Optimistic.Storage) =>
  Client.layerOptimistic(Bank, {
    url,
    storage,
    answerTimeout: "1 second",
    retryAtMost: "50 millis",
    ...(overSocket && { socket: LiveSocket.make(`${url.replace("http", "ws")}/live`) })
  }).pipe(Layer.provide(FetchHttpClient.layer))

/** A command that is told apart by its number, and by what was said to it. */
interface Gave {
  readonly number: number
  readonly fiber: Fiber.Fiber<Exit.Exit<unknown, unknown>>
}

const turn = Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void)))

const ids = ["ada", "bob", "cy"].map((id) => Id.make(id))

const run = Effect.fnUntraced(function*(seed: number) {
  const chance = random(seed)
  const pick = <A>(all: ReadonlyArray<A>): A => all[Math.floor(chance() * all.length)]!
  const scope = yield* Effect.scope
  const store = yield* Layer.build(layerStore)
  const server = yield* Loopback.make(serving(pick(["live", "async"] as const), store))
  const gave: Array<Gave> = []

  const clients = yield* Effect.forEach([true, false], (overSocket) =>
    Effect.gen(function*() {
      const storage = World.storage()
      const open = Effect.gen(function*() {
        const life = yield* Scope.fork(scope)
        const context = yield* Layer.buildWithMemoMap(
          clientOf(server.url, overSocket, storage),
          yield* Layer.makeMemoMap,
          life
        )
        const optimistic = Context.get(context, Optimistic.Optimistic)
        const list = optimistic.list(World.Balances, { index: "richest" })
        const total = optimistic.row(World.Totals, "all")
        for (const live of [list, total]) yield* Scope.addFinalizer(life, Effect.sync(live.subscribe(() => {})))
        return { context, optimistic, list, total, close: Scope.close(life, Exit.void) }
      })
      return { open, now: yield* open }
    }))

  const commandOf = (number: number) => {
    const what = chance()
    if (number <= ids.length || what < 0.1) return Open.make({ owner: String(number) })
    return what < 0.65 ? Deposit.make({ cents: number }) : Withdraw.make({ cents: number })
  }

  for (let number = 1; number <= 40; number++) {
    const client = pick(clients)
    const commitId = CommitId.generateUnsafe()
    const fiber = yield* Account.execute(ids[number - 1] ?? pick(ids), commandOf(number), { commitId }).pipe(
      Effect.provideContext(client.now.context),
      Effect.exit,
      Effect.forkIn(scope)
    )
    gave.push({ number, fiber })
    // As far as requests get in so many turns of the event loop.
    for (let turns = Math.floor(chance() * 12); turns > 0; turns--) yield* turn
    const what = chance()
    if (what < 0.2) yield* server.cut
    else if (what < 0.25) {
      yield* server.stop
      yield* server.start
    } else if (what < 0.3) {
      yield* client.now.close
      client.now = yield* client.open
    } else if (what < 0.5) yield* Fiber.join(pick(gave).fiber)
  }
  for (const { fiber } of gave) yield* Fiber.join(fiber)
  for (const { now: { optimistic } } of clients) {
    optimistic.wake()
    yield* World.until(optimistic.pending, (all) => all.length === 0)
  }
  const here = Effect.provideContext(server.context())
  yield* here(World.Balances.whenCaughtUp())
  yield* here(World.Totals.whenCaughtUp())
  const { rows } = yield* here(World.Balances.list({ index: "richest" }))
  const total = Option.getOrUndefined(yield* here(World.Totals.get("all")))
  const isSame = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)
  for (const { now } of clients) {
    const list = yield* World.until(
      now.list,
      (list) => isSame(list.rows.map(({ confirmed, key }) => ({ key, row: Option.getOrUndefined(confirmed) })), rows)
    )
    assert.deepStrictEqual(list.rows.map(({ key, row }) => ({ key, row })), rows)
    yield* World.until(now.total, ({ confirmed }) => isSame(Option.getOrUndefined(confirmed), total))
  }

  const { events } = yield* Context.get(store, EventStore.EventStore).readPage({ after: 0, limit: 1_000 })
  // The owner or the cents of an event are the number of the command.
  const effects = events.map(({ payload }) => {
    const { cents, owner } = payload as { readonly cents?: number; readonly owner?: string }
    return cents ?? Number(owner)
  })
  for (const { fiber, number } of gave) {
    const outcome = yield* Fiber.join(fiber)
    const found = effects.filter((effect) => effect === number).length
    const tag = Option.match(Exit.findErrorOption(outcome), {
      onNone: () => "success",
      onSome: (error) => (error as { readonly _tag: string })._tag
    })
    // Whoever was closed in between was told nothing, and has it sent all the same.
    if (tag === "ExecutionError") assert.isAtMost(found, 1, `command ${number}`)
    else assert.strictEqual(found, tag === "success" ? 1 : 0, `command ${number}, ${tag}`)
  }
  return { effects: effects.length, connections: server.connections() }
}, Effect.scoped)

describe("optimistic clients over connections that are cut", () => {
  it.live(
    `end as the server, each command with one effect: seeds ${first} to ${first + seeds - 1}`,
    () =>
      Effect.gen(function*() {
        const all = Array.from({ length: seeds }, (_, i) => first + i)
        const ran = yield* Effect.forEach(
          all,
          (seed) => Effect.tapCause(run(seed), () => Effect.sync(() => console.log(`seed ${seed}`))),
          { concurrency: 4 }
        )
        // There was something to lose.
        for (const { connections, effects } of ran) {
          assert.isAbove(effects, 9)
          assert.isAbove(connections, 9)
        }
      }),
    20_000 + seeds * 1_000
  )
})

const leavesRows = Effect.fnUntraced(function*(mode: "live" | "async", overSocket: boolean) {
  const server = yield* Loopback.make(serving(mode, yield* Layer.build(layerStore)))
  const context = yield* Layer.build(clientOf(server.url, overSocket, World.storage()))
  const { list, pending, row } = Context.get(context, Optimistic.Optimistic)
  const ada = ids[0]!
  yield* Effect.gen(function*() {
    yield* Account.execute(ada, Open.make({ owner: "Ada" }))
    const watched = {
      owner: row(Owners, ada),
      owners: list(Owners),
      spender: row(Spenders, ada),
      spenders: list(Spenders)
    }
    for (const live of Object.values(watched)) {
      yield* Effect.acquireRelease(Effect.sync(() => live.subscribe(() => {})), (stop) => Effect.sync(stop))
    }
    yield* World.until(watched.owner, ({ confirmed }) => Option.isSome(confirmed))
    yield* World.until(watched.owners, ({ loading, rows }) => !loading && rows.length === 1)
    yield* World.until(watched.spender, ({ loading }) => !loading)
    yield* World.until(watched.spenders, ({ loading }) => !loading)
    for (const cents of [5, 6]) {
      yield* Account.execute(ada, Deposit.make({ cents }))
      yield* World.until(pending, (all) => all.length === 0)
      assert.deepStrictEqual(watched.owner.getSnapshot().confirmed, Option.some({ owner: "Ada" }))
      assert.deepStrictEqual(watched.owner.getSnapshot().pending, [])
      assert.deepStrictEqual(watched.owners.getSnapshot().pending, [])
      assert.deepStrictEqual(watched.spender.getSnapshot().row, Option.none())
      assert.deepStrictEqual(watched.spenders.getSnapshot().rows, [])
    }
  }).pipe(Effect.provideContext(context))
}, Effect.scoped)

describe("an optimistic client over a connection", () => {
  it.live("confirms a command at once whose events leave all rows as they are", () =>
    Effect.all([
      leavesRows("live", true),
      leavesRows("live", false),
      leavesRows("async", true),
      leavesRows("async", false)
    ], { concurrency: 4 }), 10_000)
})
