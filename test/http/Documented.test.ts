/**
 * The server and its OpenAPI document agree: requests that are made of the schemas, well or badly, are answered with a
 * status that the document names for the endpoint, and a body that fits the schema of that status. Never with 500.
 *
 * `VARVE_HTTP_REQUESTS` says how many requests, `SEED` which.
 */
import { assert, describe, it } from "@effect/vitest"
import type { Domain } from "@varve/core"
import { Bank } from "@varve/example-bank/Bank"
import { paths as shopPaths } from "@varve/example-shop/domain/Paths"
import { Shop } from "@varve/example-shop/domain/Shop"
import { Api } from "@varve/http"
import { Arbitrary, Effect, JsonSchema, Option, Schema, SchemaRepresentation } from "effect"
import { OpenApi } from "effect/http-api"
import { encodeSegment } from "../../packages/http/src/internal/paths.ts"
import { random } from "../support/random.ts"
import { Library } from "./Library.ts"
import { type Fetch, handler, here } from "./OverHttp.ts"

const requests = Number(process.env.VARVE_HTTP_REQUESTS ?? 1_000)
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))

type Operation = OpenApi.OpenAPISpec["paths"][string]["post"] & {}

/** Whether a value fits a JSON Schema of the document. */
const checker = (document: OpenApi.OpenAPISpec) => {
  const definitions = Object.fromEntries(
    Object.entries(document.components.schemas).map((
      [name, schema]
    ) => [name, JsonSchema.fromSchemaOpenApi3_1(schema).schema])
  )
  const made = new Map<object, (value: unknown) => Option.Option<unknown>>()
  return (schema: JsonSchema.JsonSchema, value: unknown): boolean => {
    const known = made.get(schema) ?? Schema.decodeUnknownOption(
      SchemaRepresentation.fromJsonSchemaDocument({
        ...JsonSchema.fromSchemaOpenApi3_1(schema),
        definitions
        // The document is ours.
      }, { patterns: "apply" }) as Schema.Codec<unknown>,
      { onExcessProperty: "error" }
    )
    made.set(schema, known)
    return Option.isSome(known(value))
  }
}

const odd: ReadonlyArray<unknown> = [
  null,
  true,
  0,
  -1,
  1.5,
  1e308,
  "",
  "x",
  "\u0000",
  "\uD800",
  "12",
  [],
  {},
  [1],
  { a: 1 },
  "x".repeat(600),
  "2024-01-31T00:00:00Z"
]

const texts = [
  "a",
  "b",
  "c",
  ".",
  "..",
  "~",
  "a/b",
  "%",
  "é",
  "count",
  "history",
  "0",
  "1",
  "7",
  "-1",
  "x",
  "",
  "null",
  "undefined",
  "true",
  "forward",
  "backward",
  "\"7\"",
  "\"1\"",
  "\"x\"",
  "position:1",
  "position:0",
  "version:1",
  "recordedAt:2026-01-01",
  "occurredAt:0000-00-00",
  "position:99999999999999999",
  "byTitle",
  "byLoan",
  "richest",
  "ofAccount",
  "EUR",
  "x".repeat(600),
  "1:2:3"
]

const commandsOf = (domain: Domain.Any) =>
  new Map(
    domain.aggregates.flatMap(({ commands, tag }) =>
      commands.map((command) =>
        [`${tag}.${command.tag}`, Schema.toCodecJson(command.schema as Schema.Codec<any>)] as const
      )
    )
  )

/** Requests of every endpoint of a domain, one after the other. */
const check = (domain: Domain.Any & { readonly layer: () => any }, options: Api.Options, count: number) =>
  Effect.gen(function*() {
    const api = Api.make(domain, options)
    const document = OpenApi.fromApi(api.httpApi)
    const fits = checker(document)
    const next = random(seed)
    const pick = <A>(values: ReadonlyArray<A>): A => values[Math.floor(next() * values.length)]!
    const payloads = new Map<string, ReadonlyArray<any>>()
    for (const [name, codec] of commandsOf(domain)) {
      const values = yield* Arbitrary.sampleEffect(Arbitrary.schema(codec), { seed, count: 30 })
      payloads.set(name, values.map((value) => Schema.encodeSync(codec as Schema.Codec<unknown>)(value)))
    }
    const operations = Object.entries(document.paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]) => ({ path, method, operation: operation as Operation }))
    )
    const fetch: Fetch = yield* handler(api.layer, here(domain as never) as never)

    const request = ({ method, operation, path }: typeof operations[number]): Request => {
      let where = path
      const headers: Record<string, string> = {}
      const query = new URLSearchParams()
      for (const parameter of operation.parameters) {
        const { name } = parameter
        if (parameter.in === "path") {
          where = where.replace(
            `{${name}}`,
            next() < 0.8 ? pick(["a", "b", "c"]) : encodeSegment(pick(texts))
          )
        } else if (next() < 0.2) {
          const text = pick(texts)
          if (parameter.in === "query") query.set(name, text)
          else if (/^[ -~]*$/.test(text)) headers[name] = name === "varve-wait" ? pick(["0", "1", "x"]) : text
        }
      }
      if (headers["varve-after"] !== undefined) headers["varve-wait"] ??= "0"
      if (next() < 0.02) query.set("nonsense", "1")
      let body: string | undefined
      if (method === "post") {
        const payload = payloads.get(operation.operationId)
        const value = payload === undefined
          ? { keys: next() < 0.8 ? ["a", "b", pick(texts)] : pick(odd) }
          : Object.fromEntries(
            Object.entries(pick(payload) as object).map(([key, value]) => [key, next() < 0.1 ? pick(odd) : value])
          )
        body = next() < 0.9 ? JSON.stringify(value) : JSON.stringify(pick(odd))
        if (next() < 0.02) body = body.slice(1)
        headers["content-type"] = next() < 0.97 ? "application/json" : "text/plain"
      }
      return new Request(`http://test${where}${query.size > 0 ? `?${query}` : ""}`, {
        method: method.toUpperCase(),
        headers,
        ...(body !== undefined && { body })
      })
    }

    const seen = new Map<number, number>()
    for (let i = 0; i < count; i++) {
      const one = operations[i % operations.length]!
      const asked = request(one)
      const what = `seed ${seed}, request ${i}: ${asked.method} ${asked.url}`
      const response = yield* Effect.promise(() => fetch(asked))
      const text = yield* Effect.promise(() => response.text())
      const { status } = response
      seen.set(status, (seen.get(status) ?? 0) + 1)
      assert.notStrictEqual(status, 500, `${what}\n${text}`)
      const documented = one.operation.responses[status]
      assert.isDefined(documented, `${what}: status ${status} is not in the document\n${text}`)
      const content = Object.entries(documented!.content ?? {}).find(([type]) =>
        type === response.headers.get("content-type")
      )
      if (content === undefined) assert.strictEqual(text, "", `${what}: a body of no type that the document names`)
      else {assert.isTrue(
          fits(content[1].schema, JSON.parse(text)),
          `${what}: ${status}, a body that is none of its schema\n${text}`
        )}
    }
    return seen
  }).pipe(Effect.scoped)

describe("What is documented", () => {
  it.live(`is what the server does: ${requests} requests, seed ${seed}`, () =>
    Effect.gen(function*() {
      const all = new Map<number, number>()
      for (const [domain, options] of [[Bank], [Shop, { paths: shopPaths }], [Library]] as const) {
        const seen = yield* check(domain as never, options ?? {}, Math.ceil(requests / 3))
        for (const [status, count] of seen) all.set(status, (all.get(status) ?? 0) + count)
      }
      // Requests that are all refused would show nothing.
      for (const status of [200, 400, 404, 422]) {
        assert.isAbove(all.get(status) ?? 0, 0, `seed ${seed}: status ${status} was never met`)
      }
    }), 120_000)
})
