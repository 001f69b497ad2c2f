import { assert, describe, it } from "@effect/vitest"
import {
  Aggregate,
  CommitId,
  EventStoreError,
  Instances,
  ProjectionError,
  Rows,
  StreamName,
  Upcaster
} from "@varve/core"
import { Api } from "@varve/http"
import { Effect, Layer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { atlas, Book, Library, Readers, Shelf } from "./Library.ts"
import { handler, here, send } from "./OverHttp.ts"

/** A request, the status and the kind of its answer, and something of its detail. */
const badRequests: ReadonlyArray<
  readonly [
    what: string,
    method: string,
    path: string,
    options: Parameters<typeof send>[3],
    status: number,
    kind: string,
    detail?: RegExp
  ]
> = [
  [
    "wrong types",
    "POST",
    "/books/a/add",
    { body: { title: 1, weight: "x" } },
    400,
    "BadRequest",
    /body\.title: Expected string/
  ],
  ["a field that is missing", "POST", "/books/a/add", { body: { title: "A" } }, 400, "BadRequest", /body\.weight/],
  ["no body where one is needed", "POST", "/books/a/add", {}, 400, "BadRequest", /body\.title/],
  ["an array", "POST", "/books/a/add", { body: [] }, 400, "BadRequest", /an object, the payload of Add/],
  ["null", "POST", "/books/a/add", { body: null as never }, 400, "BadRequest"],
  ["no JSON", "POST", "/books/a/add", { body: "{" }, 400, "BadRequest", /JSON/],
  [
    "a form",
    "POST",
    "/books/a/add",
    { body: "title=A", headers: { "content-type": "application/x-www-form-urlencoded" } },
    415,
    "NoMediaType"
  ],
  [
    "a form with nothing in it",
    "POST",
    "/books/a/return",
    { body: "", headers: { "content-type": "application/x-www-form-urlencoded" } },
    415,
    "NoMediaType"
  ],
  ["no media type", "POST", "/books/a/add", { body: "{}", headers: { "content-type": "" } }, 415, "NoMediaType"],
  [
    "an oversized body",
    "POST",
    "/books/a/add",
    { body: { title: "x".repeat(2_000), weight: 1 } },
    413,
    "TooLarge",
    /1000 bytes/
  ],
  ["an unknown command", "POST", "/books/a/burn", { body: {} }, 404, "NoEndpoint"],
  ["another method", "PUT", "/books/a", { body: {} }, 405, "NoMethod", /GET/],
  ["a command that is asked for", "GET", "/books/a/add", {}, 405, "NoMethod", /POST/],
  ["a parameter of a command", "POST", "/books/a/add?force=true", { body: atlas }, 400, "BadRequest", /force/],
  ["an id that is too long", "POST", `/books/${"x".repeat(401)}/add`, { body: atlas }, 400, "BadRequest", /path\.id/],
  ["an id with a control character", "POST", "/books/a%00/add", { body: atlas }, 400, "Refused", /control/],
  [
    "a version without quotes",
    "POST",
    "/books/a/add",
    { body: atlas, headers: { "if-match": "7" } },
    400,
    "BadRequest",
    /in quotes/
  ],
  [
    "any version, of nothing",
    "POST",
    "/books/a/add",
    { body: atlas, headers: { "if-match": "*" } },
    412,
    "Precondition",
    /at least one event/
  ],
  [
    "a list with something else in it",
    "POST",
    "/books/a/add",
    { body: atlas, headers: { "if-match": "\"7\", W/\"8\"" } },
    400,
    "BadRequest",
    /in quotes/
  ],
  [
    "other versions",
    "POST",
    "/books/a/add",
    { body: atlas, headers: { "if-match": "\"7\", \"8\"" } },
    412,
    "Precondition",
    /version 0, expected version 7/
  ],
  ["an id that is no UTF-8", "GET", "/books/%ff", {}, 400, "BadRequest", /percent-encoded/],
  ["a key that is no UTF-8", "GET", "/shelf/a%C3/history", {}, 400, "BadRequest", /percent-encoded/],
  [
    "bytes that are no UTF-8",
    "POST",
    "/books/a/add",
    { body: Uint8Array.from([...new TextEncoder().encode("{\"title\":\""), 0xFF, 0x22, 0x7D]) },
    400,
    "BadRequest",
    /body: Expected UTF-8/
  ],
  [
    "an instance after what is not stored",
    "GET",
    "/books/a",
    { headers: { "varve-after": "99", "varve-wait": "0" } },
    504,
    "Behind",
    /position 99, it is at 0/
  ],
  [
    "its history after the same",
    "GET",
    "/books/a/history",
    { headers: { "varve-after": "99", "varve-wait": "0" } },
    504,
    "Behind"
  ],
  [
    "another version",
    "POST",
    "/books/a/add",
    { body: atlas, headers: { "if-match": "\"7\"" } },
    412,
    "Precondition",
    /version 0, expected version 7/
  ],
  [
    "a key that is too long",
    "POST",
    "/books/a/add",
    { body: atlas, headers: { "idempotency-key": "x".repeat(256) } },
    400,
    "BadRequest",
    /1 to 255/
  ],
  [
    "a key that cannot be printed",
    "POST",
    "/books/a/add",
    { body: atlas, headers: { "idempotency-key": "a b" } },
    400,
    "BadRequest"
  ],
  ["no point in time", "GET", "/books/a?at=yesterday", {}, 400, "BadRequest", /query\.at/],
  ["a time without a zone", "GET", "/books/a?at=recordedAt:2026-01-31T12:00:00", {}, 400, "BadRequest", /query\.at/],
  ["a day that is none", "GET", "/shelf?at=recordedAt:2024-02-31", {}, 400, "BadRequest", /query\.at/],
  ["a version of rows", "GET", "/shelf/a?at=version:1", {}, 400, "BadRequest", /query\.at/],
  ["a parameter that is misspelt", "GET", "/shelf?titel=A", {}, 400, "BadRequest", /titel/],
  ["a parameter twice", "GET", "/shelf?limit=1&limit=2", {}, 400, "BadRequest", /once/],
  ["an index that is not there", "GET", "/shelf?index=byAge", {}, 400, "Refused", /byTitle, byLoan, byWeight/],
  ["an index that every object has", "GET", "/shelf?index=constructor&where.x=1", {}, 400, "Refused", /byTitle/],
  ["a field that every object has", "GET", "/shelf?where.__proto__=1", {}, 400, "Refused", /__proto__/],
  [
    "such a field beside that of the index",
    "GET",
    "/count/shelf?index=byTitle&where.title=A&where.__proto__=1",
    {},
    400,
    "Refused",
    /__proto__/
  ],
  [
    "more events than an answer may take",
    "GET",
    "/shelf?at=position:1&events=1000001",
    {},
    400,
    "BadRequest",
    /1000000/
  ],
  ["a field that is not of the index", "GET", "/shelf?index=byTitle&where.weight=1", {}, 400, "Refused"],
  [
    "a value that is none of the field",
    "GET",
    "/shelf?index=byWeight&where.weight=heavy",
    {},
    400,
    "BadRequest",
    /where\.weight/
  ],
  ["too many rows", "GET", "/shelf?limit=1001", {}, 400, "Refused", /1000/],
  ["a limit that is none", "GET", "/shelf?limit=-1", {}, 400, "BadRequest", /query\.limit/],
  ["a direction that is none", "GET", "/shelf?direction=down", {}, 400, "BadRequest", /forward or backward/],
  ["a forged cursor", "GET", "/shelf?cursor=x", {}, 400, "Refused", /cursor/],
  [
    "an after that is garbage",
    "GET",
    "/shelf/a",
    { headers: { "varve-after": "soon" } },
    400,
    "BadRequest",
    /varve-after/
  ],
  ["an after of another store", "GET", "/shelf/a", { headers: { "varve-after": "other:1" } }, 400, "Refused", /store/],
  [
    "an after from the future",
    "GET",
    "/shelf/a",
    { headers: { "varve-after": "99", "varve-wait": "1" } },
    504,
    "Behind",
    /99/
  ],
  [
    "too long a wait",
    "GET",
    "/shelf/a",
    { headers: { "varve-after": "1", "varve-wait": "30001" } },
    400,
    "BadRequest",
    /30000/
  ],
  ["no such row", "GET", "/shelf/a", {}, 404, "NoRow"],
  ["keys that are none", "POST", "/many/shelf", { body: { keys: [1] } }, 400, "BadRequest", /body\.keys\.0/],
  ["a page of history that is none", "GET", "/books/a/history?after=x", {}, 400, "BadRequest", /query\.after/],
  ["a deeper path", "GET", "/books/a/history/1", {}, 404, "NoEndpoint"]
]

describe("A request that is not as the API describes it", () => {
  it.live("is answered with a problem that names what was expected", () =>
    Effect.gen(function*() {
      const fetch = yield* handler(Api.make(Library, { bodyBytes: 1_000 }).layer, here(Library))
      for (const [what, method, path, options, status, kind, detail] of badRequests) {
        const answer = yield* send(fetch, method, path, options)
        assert.deepInclude({ what, status: answer.status, type: answer.body?.type }, {
          what,
          status,
          type: `urn:varve:${kind}`
        })
        assert.strictEqual(answer.headers.get("content-type"), "application/problem+json", what)
        assert.strictEqual(answer.body.status, status)
        if (detail !== undefined) assert.match(answer.body.detail, detail)
      }
      // What is not of the API is the affair of others.
      assert.strictEqual((yield* send(fetch, "GET", "/elsewhere/%ff")).status, 404)
      // None of them was carried out.
      assert.strictEqual((yield* send(fetch, "GET", "/books/a")).body.version, 0)
    }).pipe(Effect.scoped))

  it.live("is answered so when its body comes in pieces", () =>
    Effect.gen(function*() {
      const fetch = yield* handler(Api.make(Library, { bodyBytes: 1_000 }).layer, here(Library))
      const pieces = new ReadableStream({
        pull: (controller) => controller.enqueue(new TextEncoder().encode(" ".repeat(100)))
      })
      const request = new Request("http://library.test/books/a/add", {
        method: "POST",
        body: pieces,
        headers: { "content-type": "application/json" },
        duplex: "half"
      } as RequestInit)
      const response = yield* Effect.promise(() => fetch(request))
      assert.strictEqual(response.status, 413)
    }).pipe(Effect.scoped))
})

const stream = StreamName.make("Book", "a")
const conflict = new EventStoreError.Conflict({ stream, expected: 1, actual: 2 })
const unreadable = new Upcaster.Unreadable({
  stream,
  version: 1,
  position: 1,
  type: "BookLent",
  revision: 1,
  why: "InvalidPayload",
  cause: new Error("secret")
})
const unavailable = new EventStoreError.Unavailable({ what: "store", expected: "an answer", actual: "none" })
const refused = new EventStoreError.Refused({ what: "payload", expected: "less", actual: "more" })
const commitId = CommitId.generateUnsafe()

/** Instances and rows that fail. */
const failing = (error: unknown) => {
  const fail = () => Effect.fail(error) as Effect.Effect<never>
  const running = { execute: fail, load: fail, history: () => fail() as never }
  const reading = { get: fail, getMany: fail, list: fail, count: fail, whenCaughtUp: fail } as never
  return Layer.mergeAll(
    Instances.layer(Book, Effect.succeed(running)),
    Rows.layer(Shelf, Effect.succeed(reading)),
    Rows.layer(Readers, Effect.succeed(reading))
  )
}

describe("What goes wrong on the server", () => {
  const executions: ReadonlyArray<readonly [Aggregate.ExecutionError["reason"], number, string]> = [
    [conflict, 409, "Conflict"],
    [unavailable, 503, "Unavailable"],
    [new EventStoreError.OutcomeUnknown({ commitId }), 504, "OutcomeUnknown"],
    [unreadable, 500, "Unreadable"],
    [refused, 400, "Refused"]
  ]

  it.live("with an instance has a status each", () =>
    Effect.forEach(executions, ([reason, status, kind]) =>
      Effect.gen(function*() {
        const error = new Aggregate.ExecutionError({ aggregate: "Book", id: "a", reason })
        const fetch = yield* handler(Api.make(Library).layer, failing(error))
        const { body, headers, status: actual } = yield* send(fetch, "POST", "/books/a/return")
        assert.deepStrictEqual([actual, body.type, body.error.reason._tag], [status, `urn:varve:${kind}`, kind])
        assert.strictEqual(headers.get("retry-after"), kind === "Unavailable" ? "1" : null)
        assert.notInclude(JSON.stringify(body), "secret")
        if (kind === "OutcomeUnknown") assert.strictEqual(body.error.reason.commitId, commitId)
      }).pipe(Effect.scoped)))

  const readings: ReadonlyArray<readonly [ProjectionError.Reason, number]> = [
    [new ProjectionError.Behind({ expected: 2, actual: 1, waited: 5, state: "running" }), 504],
    [new ProjectionError.TooManyEvents({ limit: 1, events: 2 }), 422],
    [unavailable, 503],
    [unreadable, 500],
    [refused, 400]
  ]

  it.live("with rows has a status each, and tells nobody's id", () =>
    Effect.forEach(readings, ([reason, status]) =>
      Effect.gen(function*() {
        const error = new ProjectionError.ProjectionError({ target: "Shelf", reason })
        const fetch = yield* handler(Api.make(Library).layer, failing(error))
        for (const path of ["/shelf/a", "/shelf", "/count/shelf", "/caught-up/shelf"]) {
          const { body, status: actual } = yield* send(fetch, "GET", path)
          assert.deepStrictEqual([actual, body.type], [status, `urn:varve:${reason._tag}`])
          assert.notInclude(JSON.stringify(body), "secret")
          if (reason._tag === "Unreadable") assert.strictEqual(body.error.reason.stream.id, "")
        }
      }).pipe(Effect.scoped)))

  it.live("unforeseen says nothing", () =>
    Effect.gen(function*() {
      const dying = failing(undefined)
      const throwing = Layer.merge(
        dying,
        Instances.layer(
          Book,
          Effect.succeed({
            execute: () => Effect.die("secret"),
            load: () => {
              throw new Error("secret")
            },
            history: (() => undefined) as never
          })
        )
      )
      const fetch = yield* handler(Api.make(Library).layer, throwing)
      for (const [method, path] of [["POST", "/books/a/return"], ["GET", "/books/a"]] as const) {
        const { body, status } = yield* send(fetch, method, path)
        assert.deepStrictEqual([status, body.type], [500, "urn:varve:Defect"])
        assert.notInclude(JSON.stringify(body), "secret")
      }
    }).pipe(Effect.scoped))
})

describe("An application", () => {
  it.live("leaves endpoints out, and has its own beside and in place of them", () =>
    Effect.gen(function*() {
      const api = Api.make(Library, {
        prefix: "/api",
        without: { Book: ["Lend", "history"], Shelf: ["count"] },
        openapiPath: "/openapi.json"
      })
      const own = Layer.mergeAll(
        HttpRouter.add("POST", "/api/books/:id/return", Effect.succeed(HttpServerResponse.jsonUnsafe("mine"))),
        HttpRouter.add("GET", "/about", Effect.succeed(HttpServerResponse.jsonUnsafe("about")))
      )
      const fetch = yield* handler(Layer.merge(own, api.layer), here(Library))
      assert.strictEqual((yield* send(fetch, "POST", "/api/books/a/add", { body: atlas })).status, 200)
      assert.strictEqual((yield* send(fetch, "POST", "/api/books/a/return")).body, "mine")
      assert.strictEqual((yield* send(fetch, "GET", "/about")).body, "about")
      assert.strictEqual(
        (yield* send(fetch, "POST", "/api/books/a/lend", { body: {} })).body.type,
        "urn:varve:NoEndpoint"
      )
      assert.strictEqual((yield* send(fetch, "GET", "/api/books/a/history")).body.type, "urn:varve:NoEndpoint")
      assert.strictEqual((yield* send(fetch, "GET", "/api/count/shelf")).status, 404)
      const { body: { paths } } = yield* send(fetch, "GET", "/api/openapi.json")
      assert.include(Object.keys(paths), "/api/books/{id}/add")
      assert.notInclude(Object.keys(paths), "/api/books/{id}/lend")
    }).pipe(Effect.scoped))

  it("is told at once what does not fit", () => {
    assert.throws(
      () => Api.make(Library, { paths: { Books: "books" } }),
      /Library, paths: expected one of Book, Shelf, Readers, got Books/
    )
    assert.throws(() => Api.make(Library, { paths: { Book: "shelf" } }), /Path of Shelf: shelf is that of Book/)
    assert.throws(() => Api.make(Library, { paths: { Book: "live" } }), /Path of Book: live is that of/)
    assert.throws(() => Api.make(Library, { paths: { Book: "B/C" } }), /small letters/)
    assert.throws(
      () => Api.make(Library, { commands: { Book: { Add: "lend" } } }),
      /Path of Lend of Book: lend is that of Add/
    )
    assert.throws(
      () => Api.make(Library, { without: { Book: ["Burn"] } }),
      /without Book\.Burn: there is no such endpoint/
    )
  })
})
