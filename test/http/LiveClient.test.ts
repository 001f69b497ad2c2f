/** What the client makes of live rows that come over several connections, by a server that says exactly when it is cut. */
import { assert, describe, it } from "@effect/vitest"
import type { Projection } from "@varve/core"
import { Client } from "@varve/http"
import { Effect, Layer, Option, Stream } from "effect"
import { Orders, Shop } from "../core/Orders.ts"
import { fetching, url } from "./OverHttp.ts"

interface Event {
  readonly event: string
  readonly data?: object
  readonly id?: string
}

const row = (key: string, id?: string): Event => ({
  event: "row",
  data: { key, row: { customer: "ada", cents: 1, paid: false, at: "2024-02-29T12:00:00.000Z" } },
  ...(id !== undefined && { id })
})

const gone = (key: string, id?: string): Event => ({ event: "row", data: { key }, ...(id !== undefined && { id }) })

const resync: Event = { event: "resync", id: "" }

/** Answers with one list of events a connection, and then with the last one again. */
const follow = (
  connections: ReadonlyArray<ReadonlyArray<Event>>,
  changes: Stream.Stream<Projection.Change<typeof Orders.row.Type>, unknown, Projection.Rows<"Orders">>,
  take: number
) =>
  Effect.gen(function*() {
    const resumed: Array<string | null> = []
    const server = fetching((request) => {
      const events = connections[Math.min(resumed.length, connections.length - 1)]!
      resumed.push(request.headers.get("last-event-id"))
      const text = events.map(({ data = {}, event, id }) =>
        `${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
      )
      return Promise.resolve(new Response(text.join(""), { headers: { "content-type": "text/event-stream" } }))
    })
    const told = yield* changes.pipe(
      Stream.take(take),
      Stream.map(({ key, position, row }) => `${Option.isSome(row) ? "+" : "-"}${key} ${position}`),
      Stream.runCollect,
      Effect.provide(Layer.provide(Client.layer(Shop, { url, paths: { Order: "order-streams" } }), server))
    )
    return { told, resumed }
  })

describe("a client of live rows", () => {
  it.live("tells once that a row has left a list, however often the server does", () =>
    Effect.gen(function*() {
      const { resumed, told } = yield* follow(
        [
          [resync, row("o1", "1"), { event: "level", id: "1" }, gone("o1"), gone("o2")],
          [gone("o2"), gone("o1"), row("o3", "3")]
        ],
        Orders.changes({}),
        3
      )
      assert.deepStrictEqual(told, ["+o1 1", "-o1 1", "+o3 3"])
      assert.deepStrictEqual(resumed, [null, "1"])
    }))

  it.live("tells whoever resumes what has left, since they may have rows from before", () =>
    Effect.gen(function*() {
      const { resumed, told } = yield* follow([[gone("o1"), row("o2", "8")]], Orders.changes({}, { after: 7 }), 2)
      assert.deepStrictEqual(told, ["-o1 7", "+o2 8"])
      assert.deepStrictEqual(resumed, ["7"])
    }))

  it.live("tells what has gone while all rows were told anew, also when it is cut behind the last of them", () =>
    Effect.gen(function*() {
      const { resumed, told } = yield* follow(
        [
          [resync, row("o1"), row("o2", "2"), { event: "level", id: "2" }, resync, row("o2", "4")],
          [row("o3", "5")]
        ],
        Orders.changes({}),
        4
      )
      assert.deepStrictEqual(told, ["+o1 2", "+o2 2", "-o1 4", "+o3 5"])
      assert.deepStrictEqual(resumed, [null, "4"])
    }))

  it.live("tells rows at the position that all of them have seen, also when it was cut before", () =>
    Effect.gen(function*() {
      const { resumed, told } = yield* follow(
        [
          [resync, row("o1")],
          [resync, row("o1"), row("o2"), { event: "level", id: "4" }]
        ],
        Orders.changes({}),
        2
      )
      assert.deepStrictEqual(told, ["+o1 4", "+o2 4"])
      assert.deepStrictEqual(resumed, [null, null])
    }))
})
