/** Live rows of a client over one WebSocket: any number of readers, cut, and left. */
import { assert, describe, it } from "@effect/vitest"
import { type Projection } from "@varve/core"
import { Client, LiveSocket } from "@varve/http"
import { type Context, Effect, Fiber, Layer, Option, Queue, Stream } from "effect"
import { FetchHttpClient } from "effect/http"
import { Orders, Shop, write } from "../core/Orders.ts"
import * as LiveServer from "./LiveServer.ts"

type Row = typeof Orders.row.Type

const over = (url: string) =>
  Client.layer(Shop, {
    url,
    socket: LiveSocket.make(`${url.replace("http", "ws")}/live`),
    paths: { Order: "order-streams" }
  }).pipe(
    Layer.provide(FetchHttpClient.layer)
  )

/** Reads in the background. `until` waits for the rows to be such. */
const read = Effect.fnUntraced(function*(
  there: Context.Context<Projection.Rows<"Orders">>,
  changes: Stream.Stream<Projection.Change<Row>, Projection.ProjectionError, Projection.Rows<"Orders">>
) {
  const rows = new Map<string, Row>()
  const repeated: Array<string> = []
  const ticks = yield* Queue.unbounded<null>()
  const reader = yield* changes.pipe(
    Stream.runForEach(({ key, row }) => {
      const before = rows.get(key)
      const now = Option.getOrUndefined(row)
      if (before !== undefined && JSON.stringify(before) === JSON.stringify(now)) repeated.push(key)
      if (now === undefined) rows.delete(key)
      else rows.set(key, now)
      return Queue.offer(ticks, null)
    }),
    Effect.provideContext(there),
    Effect.forkScoped
  )
  const until = (isSo: (rows: ReadonlyMap<string, Row>) => boolean) =>
    Effect.gen(function*() {
      while (!isSo(rows)) yield* Queue.take(ticks)
    })
  return { reader, repeated, until }
})

describe("live rows of a client over one WebSocket", () => {
  it.live("tells rows and lists, goes on after a cut without a gap or a repeat, and ends with its readers", () =>
    Effect.gen(function*() {
      const server = yield* LiveServer.make()
      yield* write("o1", ["Placed", "ada", 5])
      yield* write("o2", ["Placed", "bob", 6])
      yield* Orders.whenCaughtUp()
      const there = yield* Layer.build(over(server.url))
      const row = yield* read(there, Orders.changes("o1"))
      const list = yield* read(there, Orders.changes({ index: "customer", where: { customer: "bob" }, from: 6 }))
      const all = yield* read(there, Orders.changes())
      yield* row.until((rows) => rows.get("o1")?.cents === 5)
      yield* list.until((rows) => rows.size === 1 && rows.has("o2"))
      yield* all.until((rows) => rows.size === 2)
      assert.strictEqual((yield* server.status).subscribers, 3)
      // Nobody is told of this, at first.
      yield* server.cut
      yield* server.stop
      yield* write("o3", ["Placed", "bob", 7])
      yield* Orders.whenCaughtUp()
      yield* server.start
      yield* list.until((rows) => rows.size === 2 && rows.has("o3"))
      yield* all.until((rows) => rows.size === 3)
      yield* write("o1", ["Paid", "2024-02-29T12:00:00.000Z"])
      yield* row.until((rows) => rows.get("o1")!.paid)
      assert.deepStrictEqual([row.repeated, list.repeated, all.repeated], [[], [], []])
      for (const { reader } of [row, list, all]) yield* Fiber.interrupt(reader)
      while ((yield* server.status).subscribers > 0) yield* Effect.sleep(5)
    }).pipe(Effect.scoped, Effect.provide(LiveServer.world)))
})
