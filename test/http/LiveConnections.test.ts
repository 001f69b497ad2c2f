/** Connections of live rows: how many, how old, from where, and with which credentials. */
import { assert, describe, it } from "@effect/vitest"
import { Api, Client, Limits, LiveApi, LiveSocket } from "@varve/http"
import { Effect, Layer, Option, Queue, Redacted, Stream } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest } from "effect/http"
import { HttpApiMiddleware, HttpApiSecurity } from "effect/http-api"
import { request } from "node:http"
import { Orders, write } from "../core/Orders.ts"
import * as LiveServer from "./LiveServer.ts"
import { Wire } from "./LiveWire.ts"

type Server = Effect.Success<ReturnType<typeof LiveServer.make>>

const { paths, Post } = LiveServer

/** Opens a stream of events, and gives its status: 200 where it goes on until the scope closes. */
const events = Effect.fnUntraced(function*({ url }: Server, headers: Record<string, string> = {}) {
  const controller = new AbortController()
  yield* Effect.addFinalizer(() => Effect.sync(() => controller.abort()))
  const { status } = yield* Effect.promise(() => fetch(`${url}/live/orders/o1`, { headers, signal: controller.signal }))
  return status
})

/** Asks for a WebSocket, and gives what is answered before there is one. */
const handshake = ({ url }: Server, headers: Record<string, string> = {}) =>
  Effect.callback<readonly [status: number, type: string | undefined]>((resume) => {
    const asked = request(`${url}/live`, {
      headers: {
        connection: "upgrade",
        upgrade: "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": Buffer.alloc(16).toString("base64"),
        ...headers
      }
    })
    asked.on("upgrade", (_, socket) => {
      socket.destroy()
      resume(Effect.succeed([101, undefined]))
    })
    asked.on("response", async (response) => {
      let text = ""
      for await (const part of response) text += part
      resume(Effect.succeed([response.statusCode!, JSON.parse(text || "{}").type]))
    })
    asked.on("error", (error) => resume(Effect.die(error)))
    asked.end()
    return Effect.sync(() => asked.destroy())
  })

/** Waits until there are no more connections than so many. */
const atMost = ({ status }: Server, connections: number) =>
  Effect.repeat(Effect.andThen(Effect.yieldNow, status), { until: (now) => now.connections <= connections })

describe("connections of live rows", () => {
  it.live("are so many for each client, whatever they carry", () =>
    Effect.gen(function*() {
      const server = yield* LiveServer.make({ connectionsPerClient: 2 }, {
        routes: LiveApi.layer<typeof Post>(Api.make(Post, { paths }), {
          client: ({ request }) => request.headers["x-client"]
        })
      })
      const ada = { "x-client": "ada" }
      yield* Effect.scoped(Effect.gen(function*() {
        assert.strictEqual(yield* events(server, ada), 200)
        assert.strictEqual(yield* events(server, ada), 200)
        assert.strictEqual(yield* events(server, ada), 503)
        assert.deepStrictEqual(yield* handshake(server, ada), [503, "urn:varve:Unavailable"])
        assert.strictEqual(yield* events(server, { "x-client": "bob" }), 200)
        // Who is not known counts for nobody.
        for (let i = 0; i < 3; i++) assert.strictEqual(yield* events(server), 200)
        assert.strictEqual((yield* server.status).connections, 6)
      }))
      yield* atMost(server, 0)
      assert.strictEqual(yield* events(server, ada), 200)
    }).pipe(Effect.scoped, Effect.provide(LiveServer.world)))

  it.live("are so many in all, and readers are so many for each address", () =>
    Effect.gen(function*() {
      const server = yield* LiveServer.make({ connections: 2, subscribersPerClient: 3 })
      const one = yield* Wire.open(server.url)
      for (const id of ["a", "b", "c", "d"]) one.send({ _tag: "Subscribe", id, projection: "orders", key: id })
      assert.deepNestedPropertyVal(yield* one.until("d", "failure"), "data.status", 503)
      assert.strictEqual(yield* events(server), 503)
      one.send({ _tag: "Unsubscribe", id: "a" })
      yield* Effect.repeat(server.status, { until: ({ subscribers }) => subscribers === 2 })
      yield* atMost(server, 1)
      assert.strictEqual(yield* events(server), 200)
      assert.strictEqual(yield* events(server), 503)
      assert.deepStrictEqual(yield* handshake(server), [503, "urn:varve:Unavailable"])
    }).pipe(Effect.scoped, Effect.provide(LiveServer.world)))

  it.live("end where nothing is followed for too long, whatever is said", () =>
    Effect.gen(function*() {
      const server = yield* LiveServer.make({ idle: "100 millis", heartbeat: "50 millis" })
      const silent = yield* Wire.open(server.url)
      const talking = yield* Wire.open(server.url)
      const following = yield* Wire.open(server.url)
      following.send({ _tag: "Subscribe", id: "a", projection: "orders", key: "o1" })
      const talk = Effect.forever(Effect.suspend(() => {
        talking.send("nonsense")
        return talking.until("", "failure")
      }))
      assert.strictEqual(yield* Effect.raceFirst(talking.closed, talk), 4001)
      assert.strictEqual(yield* silent.closed, 4001)
      for (let beat = 0; beat < 4; beat++) yield* following.until("a", "heartbeat")
      following.send({ _tag: "Unsubscribe", id: "a" })
      assert.strictEqual(yield* following.closed, 4001)
    }).pipe(Effect.scoped, Effect.provide(LiveServer.world)))

  it.live("end with a message that a server does not even read", () =>
    Effect.gen(function*() {
      const server = yield* LiveServer.make({}, { maxPayload: Limits.messageBytes })
      const wire = yield* Wire.open(server.url)
      // As many bytes as characters of a message can be.
      wire.send(`"${"ä".repeat(Limits.messageCharacters - 2)}"`)
      assert.deepNestedPropertyVal(yield* wire.until("", "failure"), "data.status", 400)
      wire.send("x".repeat(Limits.messageBytes + 1))
      assert.strictEqual(yield* wire.closed, 1009)
    }).pipe(Effect.scoped, Effect.provide(LiveServer.world)))

  it.live("grow old, and are followed by others with the credentials of then: no gap, no repeat", () =>
    Effect.gen(function*() {
      let token = 0
      const asked = new Set<string>()
      const server = yield* LiveServer.make({ age: "60 millis" }, {
        routes: routesFor((credential) => {
          asked.add(credential)
          // One who has just come may have had the last one.
          return credential !== "" && Number(credential) >= token - 1
        })
      })
      const bearer = HttpClient.mapRequest((request) => HttpClientRequest.bearerToken(request, String(token)))
      const clients = [
        Client.layer(Post, { url: server.url, paths, transformClient: bearer }),
        Client.layer(Post, {
          url: server.url,
          paths,
          transformClient: bearer,
          socket: LiveSocket.make(() => `${server.url.replace("http", "ws")}/live?token=${token}`)
        })
      ]
      const readers = yield* Effect.forEach(clients, (client) =>
        Effect.gen(function*() {
          const there = yield* Layer.build(Layer.provide(client, FetchHttpClient.layer))
          const told: Array<string> = []
          const cents = yield* Queue.unbounded<number>()
          for (const  of of["o1", {}] as const) {
            yield* Stream.runForEach(Orders.changes(of), ({ key, row }) => {
              const one = Option.getOrUndefined(row)?.cents ?? 0
              told.push(`${JSON.stringify(of)} ${key} ${one}`)
              return Queue.offer(cents, one)
            }).pipe(Effect.provideContext(there), Effect.forkScoped)
          }
          return { told, cents }
        }))
      let last = 0
      // Four lives of each connection, each with a token of its own.
      for (let round = 1; round <= 4; round++) {
        const before = server.connections()
        token = round
        do {
          last++
          yield* write("o1", ["Placed", "ada", 1])
          for (const { cents } of readers) {
            let level = 0
            while (level < 2) if ((yield* Queue.take(cents)) === last) level++
          }
        } while (!asked.has(String(round)) || server.connections() < before + 3)
      }
      for (const { told } of readers) assert.strictEqual(told.length, new Set(told).size, told.join())
    }).pipe(Effect.scoped, Effect.provide(LiveServer.world)))
})

class Signed extends HttpApiMiddleware.Service<Signed>()("test/LiveConnections/Signed", {
  security: {
    bearer: HttpApiSecurity.bearer,
    query: HttpApiSecurity.apiKey({ in: "query", key: "token" })
  },
  error: Api.Unauthenticated
}) {}

/** Routes for those who have a token that is right. */
const routesFor = (isRight: (token: string) => boolean, options: LiveApi.Options = {}) => {
  const check = (credential: Redacted.Redacted) =>
    isRight(Redacted.value(credential))
      ? Effect.succeed({ id: Redacted.value(credential), roles: [] })
      : Effect.fail(new Api.Unauthenticated({}))
  return LiveApi.layer(Api.make(Post, { paths, security: Signed }), options).pipe(
    Layer.provide(Api.layerSecurity(Signed, { bearer: check, query: check }))
  )
}

describe("a WebSocket of live rows", () => {
  it.live("is for pages of the own host, and of origins that are named", () =>
    Effect.gen(function*() {
      const server = yield* LiveServer.make()
      const { host, port } = new URL(server.url)
      const from = (origin: string, more = {}) => handshake(server, { origin, ...more })
      assert.deepStrictEqual(yield* handshake(server), [101, undefined])
      assert.deepStrictEqual(yield* from(`http://${host}`), [101, undefined])
      assert.deepStrictEqual(yield* from("https://shop.example", { host: "shop.example:443" }), [101, undefined])
      for (const origin of ["https://evil.example", `http://localhost:${port}`, "http://127.0.0.1", "null", "?"]) {
        assert.deepStrictEqual(yield* from(origin), [403, "urn:varve:Forbidden"])
      }
      const routes = (origins: LiveApi.Options["origins"]) => ({
        routes: LiveApi.layer<typeof Post>(Api.make(Post, { paths }), { origins })
      })
      const named = yield* LiveServer.make({}, routes(["https://shop.example"]))
      assert.deepStrictEqual(yield* handshake(named, { origin: "https://shop.example" }), [101, undefined])
      assert.deepStrictEqual(yield* handshake(named, { origin: named.url }), [101, undefined])
      assert.strictEqual((yield* handshake(named, { origin: "https://shop.example.evil" }))[0], 403)
      const open = yield* LiveServer.make({}, routes("any"))
      assert.deepStrictEqual(yield* handshake(open, { origin: "null" }), [101, undefined])
    }).pipe(Effect.scoped, Effect.provide(LiveServer.world)))

  it.live("says that credentials are wrong, and is not asked for again", () =>
    Effect.gen(function*() {
      const server = yield* LiveServer.make({ connectionsPerClient: 1 }, {
        routes: routesFor((token) => token === "ada" || token === "bob")
      })
      const wire = yield* Wire.open(server.url, true, "?token=wrong")
      assert.strictEqual(yield* wire.closed, 4401)
      const { status } = yield* Effect.promise(() => fetch(`${server.url}/live?token=wrong`))
      assert.strictEqual(status, 401)
      // It counts for who has come, and not for the address.
      yield* Wire.open(server.url, true, "?token=ada")
      assert.strictEqual((yield* handshakeWith(server, "bob"))[0], 101)
      assert.strictEqual((yield* handshakeWith(server, "ada"))[0], 503)

      const before = server.connections()
      const client = (options: Partial<Client.Options>) =>
        Client.layer(Post, { url: server.url, paths, ...options }).pipe(Layer.provide(FetchHttpClient.layer))
      const end = (options: Partial<Client.Options>) =>
        Effect.flip(Stream.runDrain(Orders.changes("o1"))).pipe(Effect.provide(client(options)))
      const socket = LiveSocket.make(`${server.url.replace("http", "ws")}/live?token=wrong`)
      const [first, second] = yield* Effect.all([end({ socket }), end({ socket })], { concurrency: 2 })
      assert.deepInclude(first.reason, { _tag: "Refused", expected: "an answer of the API", actual: "status 401" })
      assert.strictEqual(second.reason._tag, "Refused")
      assert.strictEqual(server.connections() - before, 1)
      assert.strictEqual((yield* end({})).reason._tag, "Refused")
    }).pipe(Effect.scoped, Effect.provide(LiveServer.world)))

  it.live("tells its reader what a server does not have", () =>
    Effect.gen(function*() {
      const server = yield* LiveServer.make()
      const socket = LiveSocket.make(`${server.url.replace("http", "ws")}/live`)
      const client = Client.layer(Post, { url: server.url, socket, paths: { ...paths, Orders: "nowhere" } })
      const error = yield* Effect.flip(Stream.runDrain(Orders.changes("o1"))).pipe(
        Effect.provide(Layer.provide(client, FetchHttpClient.layer))
      )
      assert.strictEqual(error.reason._tag, "Refused")
    }).pipe(Effect.scoped, Effect.provide(LiveServer.world)))
})

const handshakeWith = (server: Server, token: string) => handshake(server, { authorization: `Bearer ${token}` })
