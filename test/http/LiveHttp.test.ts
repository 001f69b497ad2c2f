/** Live rows over sockets: events and WebSocket, cut, killed, slow, wrong. */
import { assert, describe, it } from "@effect/vitest"
import { type Projection } from "@varve/core"
import { Limits } from "@varve/http"
import { Effect, Layer, Logger, Option, Queue, Stream } from "effect"
import { connect } from "node:net"
import { Orders, write } from "../core/Orders.ts"
import { random } from "../support/random.ts"
import * as LiveServer from "./LiveServer.ts"
import { Wire } from "./LiveWire.ts"

type Row = typeof Orders.row.Type
type Change = Projection.Change<Row>

/** What a client of `changes` has been told. */
class Told {
  readonly rows = new Map<string, Row>()
  readonly repeated: Array<string> = []
  private readonly last = new Map<string, string>()

  tell({ key, row }: Change): void {
    const text = JSON.stringify(Option.getOrNull(row))
    if (this.last.get(key) === text) this.repeated.push(`${key} ${text}`)
    this.last.set(key, text)
    if (Option.isSome(row)) this.rows.set(key, row.value)
    else this.rows.delete(key)
  }

  get cents() {
    return Object.fromEntries(Array.from(this.rows, ([key, { cents }]) => [key, cents]).sort())
  }
}

/** Follows in the background. `until` waits for something to be so. */
const follow = Effect.fnUntraced(
  function*(
    server: Effect.Success<ReturnType<typeof LiveServer.make>>,
    of: Stream.Stream<Change, Projection.ProjectionError, Projection.Rows<"Orders">>
  ) {
    const told = new Told()
    const ticks = yield* Queue.unbounded<null, Projection.ProjectionError>()
    const context = yield* Layer.build(server.client)
    yield* of.pipe(
      Stream.runForEach((change) => {
        told.tell(change)
        return Queue.offer(ticks, null)
      }),
      Effect.provideContext(context),
      Effect.catch((error) => Queue.fail(ticks, error)),
      Effect.forkScoped
    )
    const until = (isSo: (told: Told) => boolean) =>
      Effect.gen(function*() {
        while (!isSo(told)) yield* Queue.take(ticks)
        return told
      })
    return { told, until }
  }
)

const unpaid = Orders.changes({ index: "paid", where: { paid: false } })

describe("live rows over HTTP", () => {
  it.live("reads the same as in the process: a row, and a list", () =>
    Effect.gen(function*() {
      const server = yield* LiveServer.make()
      const strange = "../o 1%?/ä"
      yield* write(strange, ["Placed", "ada", 5])
      yield* write("o2", ["Placed", "bob", 6])
      yield* Orders.whenCaughtUp()
      const row = yield* follow(server, Orders.changes(strange))
      const list = yield* follow(server, unpaid)
      yield* row.until(({ rows }) => rows.has(strange))
      yield* list.until(({ rows }) => rows.size === 2)
      yield* write(strange, ["Paid", "2024-02-29T12:00:00.000Z"])
      yield* row.until(({ rows }) => rows.get(strange)!.paid)
      yield* list.until(({ rows }) => rows.size === 1)
      const ada = yield* follow(
        server,
        Orders.changes({ index: "customer", where: { customer: "ada" }, from: 5, to: 9 })
      )
      yield* ada.until(({ rows }) => rows.has(strange))
    }).pipe(Effect.scoped, Effect.provide(LiveServer.world)))

  it.live("resumes over cuts, kills and restarts: no gap, no repeat", () =>
    Effect.gen(function*() {
      const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
      console.log(`live rows over HTTP: SEED=${seed}`)
      const chance = random(seed)
      const pick = (n: number) => Math.floor(chance() * n)
      const server = yield* LiveServer.make({ pendingRows: 4 })
      const rows = yield* Effect.forEach([0, 1, 2, 3, 4, 5], (i) => follow(server, Orders.changes(`o${i}`)))
      const lists = yield* Effect.forEach([unpaid, unpaid, Orders.changes({})], (list) => follow(server, list))
      for (let step = 0; step < 120; step++) {
        const id = `o${pick(6)}`
        const dice = pick(20)
        if (dice < 13) yield* write(id, ["Placed", "ada", step * 20 + 1])
        else if (dice < 15) yield* write(id, ["Paid", `2024-02-29T12:00:00.${String(step).padStart(3, "0")}Z`])
        else if (dice < 17) yield* write(id, ["Cancelled"])
        else if (dice < 19) yield* server.cut
        else {
          yield* server.stop
          if (pick(2) === 0) yield* write(id, ["Placed", "bob", step * 20 + 1])
          yield* server.start
        }
        if (pick(3) === 0) yield* Effect.yieldNow
        if (pick(4) === 0) yield* Orders.whenCaughtUp()
      }
      // So that every row has changed since.
      for (let i = 0; i < 6; i++) yield* write(`o${i}`, ["Placed", "ada", 100_000])
      yield* Orders.whenCaughtUp()
      const { rows: expected } = yield* Orders.list()
      const all = Object.fromEntries(expected.map(({ key, row }) => [key, row.cents]))
      const open = Object.fromEntries(expected.filter(({ row }) => !row.paid).map(({ key, row }) => [key, row.cents]))
      const isSame = (a: object, b: object) => JSON.stringify(a) === JSON.stringify(b)
      for (const [i, { until }] of rows.entries()) yield* until(({ cents }) => cents[`o${i}`] === all[`o${i}`])
      for (const [i, { until }] of lists.entries()) yield* until(({ cents }) => isSame(cents, i < 2 ? open : all))
      for (const { told } of [...rows, ...lists]) assert.deepStrictEqual(told.repeated, [])
    }).pipe(Effect.scoped, Effect.provide(LiveServer.world)), 30_000)

  it.live("cuts a client that never reads, and holds little for it", () =>
    Effect.gen(function*() {
      const server = yield* LiveServer.make({ stall: "300 millis", pendingRows: 10 })
      const { hostname, port } = new URL(server.url)
      const socket = connect(Number(port), hostname)
      yield* Effect.addFinalizer(() => Effect.sync(() => socket.destroy()))
      socket.pause()
      socket.write("GET /live/letters HTTP/1.1\r\nhost: x\r\n\r\n")
      let pending = 0
      let wrote = 0
      // Until it is cut: what the sockets take by themselves is some megabytes.
      while (wrote < 200) {
        yield* write(`o${wrote++ % 20}`, ["Placed", "x", 200_000])
        yield* LiveServer.Letters.whenCaughtUp()
        const status = yield* server.status
        pending = Math.max(pending, status.pending)
        if (wrote > 20 && status.subscribers === 0) break
        if (wrote > 60) yield* Effect.sleep("20 millis")
      }
      assert.strictEqual((yield* server.status).subscribers, 0)
      // All twenty at the most: when it starts anew.
      assert.isAtMost(pending, 20)
    }).pipe(Effect.scoped, Effect.provide(LiveServer.world)), 30_000)

  it.live("answers wrong requests as problems", () =>
    Effect.gen(function*() {
      const server = yield* LiveServer.make({ wait: "50 millis" })
      const ask = (path: string, init: RequestInit = {}) =>
        Effect.promise(async () => {
          const response = await fetch(`${server.url}/live${path}`, init)
          const { type } = JSON.parse(await response.text() || "{}")
          return [response.status, type?.split(":").at(-1)]
        })
      assert.deepStrictEqual(yield* ask("/strange/o1"), [404, "NoEndpoint"])
      assert.deepStrictEqual(yield* ask("/orders/o1/more"), [404, "NoEndpoint"])
      assert.deepStrictEqual(yield* ask("/orders/o1", { method: "POST" }), [405, "NoMethod"])
      assert.deepStrictEqual(yield* ask("/orders/o1?after=nonsense"), [400, "Refused"])
      assert.deepStrictEqual(yield* ask("/orders/o1?after=1000"), [504, "Behind"])
      assert.deepStrictEqual(yield* ask("/orders/o1", { headers: { "last-event-id": "other:1@1" } }), [400, "Refused"])
      assert.deepStrictEqual(yield* ask("/orders?index=none"), [400, "Refused"])
      assert.deepStrictEqual(yield* ask("/orders?index=paid&where.paid=maybe"), [400, "BadRequest"])
      assert.deepStrictEqual(yield* ask("/orders?whatever=1"), [400, "BadRequest"])
      // The router itself does not know what this is.
      assert.deepStrictEqual(yield* ask("/orders/%FF"), [404, undefined])
      assert.deepStrictEqual(yield* ask(""), [400, "BadRequest"])
      const future = yield* Effect.flip(
        Effect.flatMap(follow(server, Orders.changes("o1", { after: 1_000 })), ({ until }) => until(() => false))
      )
      assert.strictEqual(future.reason._tag, "Behind")
    }).pipe(Effect.scoped, Effect.provide(LiveServer.world)))
})

describe("live rows over a WebSocket", () => {
  it.live("follows many over one connection, until they are given up", () =>
    Effect.gen(function*() {
      const server = yield* LiveServer.make()
      yield* write("o1", ["Placed", "ada", 5])
      yield* Orders.whenCaughtUp()
      const wire = yield* Wire.open(server.url)
      wire.send({ _tag: "Subscribe", id: "a", projection: "orders", key: "o1" })
      wire.send({
        _tag: "Subscribe",
        id: "b",
        projection: "orders",
        query: { index: "paid", where: { paid: "false" } }
      })
      wire.send({ _tag: "Subscribe", id: "c", projection: "orders", query: { index: "paid", where: { paid: "true" } } })
      yield* wire.until("a", "row")
      yield* wire.until("a", "level")
      yield* wire.until("b", "row")
      yield* wire.until("b", "level")
      yield* wire.until("c", "level")
      yield* write("o1", ["Paid", "2024-02-29T12:00:00.000Z"])
      assert.deepNestedPropertyVal(yield* wire.until("a", "row"), "data.row.paid", true)
      assert.deepStrictEqual((yield* wire.until("b", "row")).data, { key: "o1" })
      const { at } = yield* wire.until("c", "row")
      wire.send({ _tag: "Unsubscribe", id: "a" })
      wire.send({ _tag: "Unsubscribe", id: "a" })
      assert.deepNestedPropertyVal(yield* wire.until("", "failure"), "data.status", 400)
      assert.strictEqual((yield* server.status).subscribers, 2)
      wire.send({ _tag: "Subscribe", id: "d", projection: "orders", key: "o1", after: at })
      yield* wire.until("d", "heartbeat")
    }).pipe(Effect.scoped, Effect.provide(LiveServer.world)))

  it.live("answers what it does not understand, and closes on what is too much", () =>
    Effect.gen(function*() {
      const server = yield* LiveServer.make({ wait: "50 millis" })
      const wire = yield* Wire.open(server.url)
      const status = Effect.fnUntraced(function*(message: unknown, id = "") {
        wire.send(message)
        return ((yield* wire.until(id, "failure")).data as { readonly status: number }).status
      })
      assert.strictEqual(yield* status("nonsense"), 400)
      assert.strictEqual(yield* status({ _tag: "Subscribe" }), 400)
      assert.strictEqual(yield* status({ _tag: "Subscribe", id: "a", projection: "strange", key: "o1" }, "a"), 404)
      assert.strictEqual(
        yield* status({ _tag: "Subscribe", id: "a", projection: "orders", key: "o1", query: {} }, "a"),
        400
      )
      assert.strictEqual(
        yield* status({ _tag: "Subscribe", id: "a", projection: "orders", key: "o1", after: "99" }, "a"),
        504
      )
      assert.strictEqual(
        yield* status({ _tag: "Subscribe", id: "a", projection: "orders", query: { index: "x" } }, "a"),
        400
      )
      wire.send({ _tag: "Subscribe", id: "a", projection: "orders", key: "o1" })
      yield* wire.until("a", "level")
      assert.strictEqual(yield* status({ _tag: "Subscribe", id: "a", projection: "orders", key: "o1" }), 400)
      wire.send({ _tag: "Ack", frame: 1_000_000 })
      assert.strictEqual(yield* wire.closed, 1008)
      const large = yield* Wire.open(server.url)
      large.send("x".repeat(20_000))
      const { data } = yield* large.until("", "failure")
      assert.deepInclude(data, { type: "urn:varve:TooLarge", status: 413, limitCharacters: Limits.messageCharacters })
      assert.strictEqual(yield* large.closed, 1009)
      const binary = yield* Wire.open(server.url)
      binary.socket.send(new Uint8Array(1))
      assert.strictEqual(yield* binary.closed, 1003)
      assert.strictEqual((yield* server.status).subscribers, 0)
    }).pipe(Effect.scoped, Effect.provide(LiveServer.world)))

  it.live("waits for acknowledgements, keeps what is newest, and closes who gives none", () =>
    Effect.gen(function*() {
      const server = yield* LiveServer.make({ stall: "500 millis" })
      const wire = yield* Wire.open(server.url, false)
      wire.send({ _tag: "Subscribe", id: "a", projection: "orders", query: {} })
      yield* wire.until("a", "level")
      for (let i = 0; i < 40; i++) {
        yield* write("o1", ["Placed", "ada", 1])
        yield* Orders.whenCaughtUp()
      }
      assert.strictEqual(yield* wire.closed, 1013)
      assert.isAtMost(wire.frames, 8)
      assert.strictEqual((yield* server.status).subscribers, 0)
    }).pipe(Effect.scoped, Effect.provide(LiveServer.world)))

  it.live("takes a handshake that is none for a mistake of the client, and not of its own", () =>
    Effect.gen(function*() {
      const logged: Array<unknown> = []
      const logger = Logger.layer([Logger.make(({ message }) => void logged.push(message))])
      const answer = yield* Effect.gen(function*() {
        const server = yield* LiveServer.make()
        const { hostname, port } = new URL(server.url)
        return yield* Effect.callback<string>((resume) => {
          const socket = connect(Number(port), hostname)
          let text = ""
          socket.on("data", (bytes) => text += String(bytes))
          socket.on("close", () => resume(Effect.succeed(text)))
          socket.write("GET /live HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
        })
      }).pipe(Effect.scoped, Effect.provide(logger))
      assert.match(answer, /^HTTP\/1.1 400 /)
      assert.deepStrictEqual(logged, [])
    }).pipe(Effect.provide(LiveServer.world)))

  it.live("says goodbye when the server closes", () =>
    Effect.gen(function*() {
      const server = yield* LiveServer.make()
      const wire = yield* Wire.open(server.url)
      wire.send({ _tag: "Subscribe", id: "a", projection: "orders", key: "o1" })
      yield* wire.until("a", "level")
      yield* server.stop
      assert.deepStrictEqual((yield* wire.until("a", "end")).data, { reason: "closing" })
      assert.strictEqual(yield* wire.closed, 1001)
    }).pipe(Effect.scoped, Effect.provide(LiveServer.world)))
})
