import { type Aggregate, type Domain, Limits as CoreLimits, type Projection, Rows } from "@varve/core"
import type * as Context from "effect/Context"
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Limits from "../Limits.ts"
import { type PartPath, verbs } from "./paths.ts"
import * as problemSchemas from "./problemSchemas.ts"
import * as wire from "./wire.ts"

/** An endpoint of a part: how it is asked for, and how it is described. */
export interface Endpoint {
  /** Tag of the part. */
  readonly part: string
  /** Its name in the API: the tag of a command, or the call that it serves. */
  readonly identifier: string
  readonly method: "GET" | "POST"
  /** Behind the path of the part, or, of a verb, all of it. A colon stands for the id or the key. */
  readonly path: `/${string}`
  readonly endpoint: HttpApiEndpoint.Top
}

const make = (
  part: string,
  identifier: string,
  method: "GET" | "POST",
  path: `/${string}`,
  options: {
    readonly params?: Schema.Struct.Fields
    readonly query?: Schema.Struct.Fields
    readonly headers?: Schema.Struct.Fields
    readonly payload?: Schema.Top
    readonly success: Schema.Top
    readonly error: ReadonlyArray<Schema.Top>
    readonly summary: string
  }
): Endpoint => {
  const { payload, summary, ...rest } = options
  const described = method === "GET"
    ? HttpApiEndpoint.get(identifier, path, rest)
    : HttpApiEndpoint.post(identifier, path, { ...rest, ...(payload !== undefined && { payload }) })
  // What is known of an endpoint by its type is gone with the names of the domain.
  const endpoint = described.annotate(OpenApi.Summary, summary) as unknown as HttpApiEndpoint.Top
  return { part, identifier, method, path, endpoint }
}

const text = (description: string) => Schema.String.annotate({ description })
const optional = (description: string) => Schema.optionalKey(text(description))

const etag = { etag: text("The version, in quotes: what `If-Match` takes") }

const pointParameters = {
  at: optional(
    "A point in the past: `position:12`, `recordedAt:2026-01-31T12:00:00Z` or `occurredAt:2026-01-31T12:00:00Z`"
  ),
  events: optional("How many events may be read for a point in the past")
}

const pageParameters = {
  after: optional("`next` of the page before"),
  limit: optional(`Entries wanted, 1 to ${Limits.entriesPerPage}; ${Limits.entriesPerPageDefault} unless told`)
}

const waitHeaders = {
  "varve-after": optional("`Varve-Position` of a command, or a position: what is read has seen it"),
  "varve-wait": optional(`How long to wait for that, in milliseconds, at most ${Limits.waitMillis}`)
}

/** The endpoints of an aggregate. */
export const ofAggregate = (aggregate: Aggregate.Any, { commands, path }: PartPath): ReadonlyArray<Endpoint> => {
  const { tag } = aggregate
  const params = { id: Schema.toType(aggregate.id) }
  const executed = HttpApiSchema.WithHeaders(wire.executed(aggregate), {
    ...etag,
    "varve-position": optional("Where the events are: what `Varve-After` takes"),
    "idempotency-replayed": optional("`true` where the outcome is that of an earlier request with the same key")
  })
  const headers = {
    "if-match": optional(
      "The version that the command expects, in quotes, or several; `*` where there are events at all"
    ),
    "idempotency-key": optional(`1 to ${Limits.keyCharacters} characters that make the command idempotent for ever`)
  }
  return [
    make(tag, "load", "GET", `/${path}/:id`, {
      params,
      headers: waitHeaders,
      query: { at: optional(`A point in its past: \`version:7\`, or as of rows`) },
      success: HttpApiSchema.WithHeaders(wire.loaded(aggregate), etag),
      error: problemSchemas.instance,
      summary:
        `State and version of an instance of ${tag}; the state before any event, and version 0, where there is none`
    }),
    make(tag, "history", "GET", `/${path}/:id/history`, {
      params,
      headers: waitHeaders,
      query: pageParameters,
      success: wire.page(wire.evolved(aggregate)),
      error: problemSchemas.instance,
      summary: `Every event of an instance of ${tag}, oldest first, with the state after each`
    }),
    ...aggregate.commands.map((command) => {
      const payload = wire.payload(command)
      return make(tag, command.tag, "POST", `/${path}/:id/${commands.get(command.tag)!}`, {
        params,
        headers,
        ...(Object.keys(payload.fields).length > 0 && { payload }),
        success: executed,
        error: problemSchemas.command(aggregate),
        summary: `Executes ${command.tag} on an instance of ${tag}`
      })
    })
  ]
}

/** The endpoints of a projection. */
export const ofProjection = (projection: Projection.Any, { path }: PartPath): ReadonlyArray<Endpoint> => {
  const { tag } = projection
  const params = { key: Schema.String }
  const indexes = Object.entries(Rows.indexesOf(projection))
  const fields = Array.from(new Set(indexes.flatMap(([, fields]) => fields)))
  const rangeParameters = {
    ...(indexes.length > 0
      && { index: optional(`One of ${indexes.map(([name]) => name).join(", ")}; keys, unless told`) }),
    ...Object.fromEntries(fields.map((field) => [`where.${field}`, optional(`Value of ${field}, in an index`)])),
    from: optional("Least value of the field behind those of `where`, itself included; without an index, least key"),
    to: optional("Greatest value of it, itself included")
  }
  const shared = { headers: waitHeaders, error: problemSchemas.rows }
  return [
    make(tag, "get", "GET", `/${path}/:key`, {
      params,
      query: pointParameters,
      headers: waitHeaders,
      success: projection.row,
      error: problemSchemas.row,
      summary: `A row of ${tag}`
    }),
    make(tag, "list", "GET", `/${path}`, {
      ...shared,
      query: {
        ...rangeParameters,
        limit: optional(`Rows wanted, 1 to ${CoreLimits.rowsPerPage}; ${CoreLimits.rowsPerPageDefault} unless told`),
        direction: optional("`forward` or `backward`; `forward` unless told"),
        cursor: optional("`next` of the page before"),
        ...pointParameters
      },
      success: wire.listed(projection),
      summary: `A page of rows of ${tag}, in the order of an index or of the keys`
    }),
    make(tag, "history", "GET", `/${path}/:key/history`, {
      params,
      query: { ...pageParameters, events: pointParameters.events },
      success: wire.page(wire.touch(projection)),
      error: problemSchemas.rows,
      summary: `Every event that touched a row of ${tag}, oldest first, with the row after each`
    }),
    make(tag, "count", "GET", `/${verbs.count}/${path}`, {
      ...shared,
      query: { ...rangeParameters, ...pointParameters },
      success: wire.count,
      summary: `How many rows of ${tag} there are`
    }),
    make(tag, "getMany", "POST", `/${verbs.many}/${path}`, {
      headers: waitHeaders,
      query: pointParameters,
      payload: wire.keys,
      success: wire.many(projection),
      error: problemSchemas.many,
      summary: `The rows of ${tag} under some keys; a key without a row is not among them`
    }),
    make(tag, "whenCaughtUp", "GET", `/${verbs.caughtUp}/${path}`, {
      ...shared,
      success: HttpApiSchema.NoContent,
      summary: `Waits until ${tag} has seen what the store holds now`
    })
  ]
}

/** The endpoints of a domain, without those that are left out. */
export const endpointsOf = (
  domain: Domain.Any,
  paths: ReadonlyMap<string, PartPath>,
  isWanted: (part: string, identifier: string) => boolean
): ReadonlyArray<Endpoint> =>
  [
    ...domain.aggregates.flatMap((aggregate) => ofAggregate(aggregate, paths.get(aggregate.tag)!)),
    ...domain.projections.flatMap((projection) => ofProjection(projection, paths.get(projection.tag)!))
  ].filter(({ identifier, part }) => isWanted(part, identifier))

/** The API as effect knows it: for its documents, its pages and its clients. */
export const toHttpApi = <Name extends string>(
  name: Name,
  endpoints: ReadonlyArray<Endpoint>,
  security: Context.Key<unknown, unknown> | undefined,
  prefix: `/${string}` | undefined
): HttpApi.HttpApi<Name, HttpApiGroup.Top> => {
  // Names that come of a list are not known by type: what effect tells of each group and endpoint stops here.
  const groups = new Map<string, HttpApiGroup.Top>()
  for (const { endpoint, part } of endpoints) {
    const group = groups.get(part) ?? (HttpApiGroup.make(part) as unknown as HttpApiGroup.Top)
    groups.set(part, group.add(endpoint) as unknown as HttpApiGroup.Top)
  }
  let api = HttpApi.make(name).annotate(OpenApi.Title, name) as unknown as HttpApi.HttpApi<Name, HttpApiGroup.Top>
  for (const group of groups.values()) api = api.add(group) as unknown as HttpApi.HttpApi<Name, HttpApiGroup.Top>
  if (security !== undefined) api = api.middleware(security as never) as unknown as typeof api
  return prefix === undefined ? api : api.prefix(prefix) as unknown as typeof api
}
