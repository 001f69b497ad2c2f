import { assert, describe, it } from "@effect/vitest"
import { Policy } from "@varve/core"
import { Api } from "@varve/http"
import { Effect, Layer, Redacted } from "effect"
import { HttpApiMiddleware, HttpApiSecurity } from "effect/http-api"
import { atlas, Library } from "./Library.ts"
import { handler, here, send } from "./OverHttp.ts"

class Signed extends HttpApiMiddleware.Service<Signed>()("test/Signed", {
  security: { bearer: HttpApiSecurity.bearer, key: HttpApiSecurity.apiKey({ in: "cookie", key: "session" }) },
  error: Api.Unauthenticated
}) {}

const known = (credential: Redacted.Redacted) => {
  const id = Redacted.value(credential)
  return id === "ada" || id === "bob"
    ? Effect.succeed({ id, roles: id === "ada" ? ["librarian"] : [] })
    : Effect.fail(new Api.Unauthenticated({}))
}

const signed = Api.layerSecurity(Signed, { bearer: known, key: known })
const as = (id: string) => ({ authorization: `Bearer ${id}` })

describe("Who asks", () => {
  const guarded = (options: Api.Options = {}) =>
    handler(
      Api.make(Library, { ...options, security: Signed }).layer,
      Layer.mergeAll(here(Library), signed)
    )

  it.live("without credentials, or with wrong ones, is nobody", () =>
    Effect.gen(function*() {
      const fetch = yield* guarded()
      const wrong: ReadonlyArray<Record<string, string>> = [{}, as("eve"), { authorization: "Basic YTpi" }, {
        cookie: "session=eve"
      }]
      for (const headers of wrong) {
        const { body, headers: answered, status } = yield* send(fetch, "POST", "/books/a/add", { body: atlas, headers })
        assert.deepStrictEqual([status, body.type], [401, "urn:varve:Unauthenticated"])
        assert.strictEqual(answered.get("content-type"), "application/problem+json")
        assert.strictEqual(answered.get("www-authenticate"), "Bearer")
      }
      assert.strictEqual((yield* send(fetch, "GET", "/shelf/a")).status, 401)
      assert.strictEqual((yield* send(fetch, "GET", "/shelf/a", { headers: { cookie: "session=ada" } })).status, 404)
    }).pipe(Effect.scoped))

  it.live("is stamped on what is done", () =>
    Effect.gen(function*() {
      const fetch = yield* guarded()
      yield* send(fetch, "POST", "/books/a/add", { body: atlas, headers: as("ada") })
      const { body } = yield* send(fetch, "GET", "/shelf/a/history", { headers: as("bob") })
      assert.deepStrictEqual(body.history.map((touch: any) => touch.envelope.actor), ["ada"])
    }).pipe(Effect.scoped))

  it.live("does not get the outcome of another with the same key", () =>
    Effect.gen(function*() {
      const fetch = yield* guarded()
      const add = (id: string, path = "/books/a/add", body: unknown = atlas) =>
        send(fetch, "POST", path, { body, headers: { ...as(id), "idempotency-key": "k" } })
      const first = yield* add("ada")
      const again = yield* add("ada")
      assert.deepStrictEqual([first.headers.get("idempotency-replayed"), again.headers.get("idempotency-replayed")], [
        null,
        "true"
      ])
      assert.strictEqual(again.body.receipt.commitId, first.body.receipt.commitId)
      assert.strictEqual(again.headers.get("varve-position"), first.headers.get("varve-position"))
      // Somebody else's key is another one: it is decided anew, and there is nothing to do.
      assert.strictEqual((yield* add("bob")).body.receipt, null)
      assert.notStrictEqual((yield* add("ada", "/books/b/add")).body.receipt.commitId, first.body.receipt.commitId)
      const other = yield* add("ada", "/books/a/add", { title: "Bible", weight: 1 })
      assert.deepStrictEqual([other.status, other.body.type], [422, "urn:varve:KeyReused"])
    }).pipe(Effect.scoped))

  it.live("may do what the policy says, and is told 403 where not", () =>
    Effect.gen(function*() {
      const mine = ({ actor }: { readonly actor: Policy.Actor }) => actor.id === "ada"
      const access = Policy.make(Library, {
        Book: { commands: { Add: Policy.hasRole("librarian"), Lend: Policy.nobody, Return: mine }, read: mine },
        Shelf: { get: mine, list: Policy.everyone },
        Readers: { get: Policy.nobody, list: Policy.nobody }
      })
      const fetch = yield* handler(
        Api.make(Library, { security: Signed }).layer.pipe(Layer.provide(Policy.layer(access))),
        Layer.mergeAll(here(Library), signed)
      )
      const statusOf = (method: string, path: string, id: string, body?: unknown) =>
        Effect.map(send(fetch, method, path, { body, headers: as(id) }), ({ body, status }) => [status, body.type])
      const forbidden = [403, "urn:varve:Forbidden"]
      assert.deepStrictEqual(yield* statusOf("POST", "/books/a/add", "bob", atlas), forbidden)
      assert.deepStrictEqual(yield* statusOf("POST", "/books/a/add", "ada", atlas), [200, undefined])
      assert.deepStrictEqual(yield* statusOf("POST", "/books/a/lend", "ada", { to: "Eve", due: null }), forbidden)
      assert.deepStrictEqual(yield* statusOf("GET", "/books/a", "bob"), forbidden)
      assert.deepStrictEqual(yield* statusOf("GET", "/books/a", "ada"), [200, undefined])
      assert.deepStrictEqual(yield* statusOf("GET", "/shelf/a", "bob"), forbidden)
      assert.deepStrictEqual(yield* statusOf("GET", "/shelf", "bob"), [200, undefined])
      assert.deepStrictEqual(yield* statusOf("GET", "/count/readers", "ada"), forbidden)
      assert.deepStrictEqual(yield* statusOf("POST", "/many/readers", "ada", { keys: ["a"] }), forbidden)
    }).pipe(Effect.scoped))

  it.live("sees the rows of the tenant that the request is of", () =>
    Effect.gen(function*() {
      const tenant: Api.Options["tenant"] = ({ actor, request }) => request.headers["x-tenant"] ?? `of ${actor}`
      const fetch = yield* guarded({ tenant })
      const { body } = yield* send(fetch, "POST", "/books/a/add", { body: atlas, headers: as("ada") })
      assert.strictEqual(body.receipt.streams[0].stream.tenant, "of ada")
      const seen = (headers: Record<string, string>) =>
        Effect.map(send(fetch, "GET", "/shelf/a", { headers }), ({ status }) => status)
      assert.deepStrictEqual(
        [yield* seen(as("ada")), yield* seen(as("bob")), yield* seen({ ...as("bob"), "x-tenant": "of ada" })],
        [200, 404, 200]
      )
    }).pipe(Effect.scoped))
})
