import { Aggregate, type ProjectionError } from "@varve/core"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as ProblemDetails from "effect/http/ProblemDetails"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as SchemaIssue from "effect/SchemaIssue"
import * as codecs from "./codecs.ts"

/** Every kind of problem: its status, and its title. The type of a problem is `urn:varve:` and the kind. */
export const kinds = {
  BadRequest: [400, "The request is not as the API describes it"],
  Unauthenticated: [401, "Credentials are missing, or are not known"],
  NoEndpoint: [404, "There is no such endpoint"],
  NoRow: [404, "There is no row under this key"],
  NoMethod: [405, "The endpoint has no such method"],
  TooLarge: [413, "The body is larger than allowed"],
  NoMediaType: [415, "The body is of a media type that is not read"],
  // Reasons of core, by their tags.
  Conflict: [409, "The instance has moved on"],
  Precondition: [412, "The instance is at another version than expected"],
  Refused: [400, "Beyond a limit, or against a rule of the store"],
  KeyReused: [422, "The idempotency key stands for another command"],
  Forbidden: [403, "The actor may not do this"],
  TooManyEvents: [422, "Answering would take reading more events than allowed"],
  Unreadable: [500, "The history holds an event that the server cannot read"],
  Unavailable: [503, "The store cannot be reached, or is overloaded"],
  OutcomeUnknown: [504, "The command was sent to the store, and the acknowledgement is lost"],
  Behind: [504, "What is read has not caught up within the time it was given"],
  Defect: [500, "The server has failed"]
} as const satisfies { readonly [kind: string]: readonly [status: number, title: string] }

export type Kind = keyof typeof kinds

/** The type of a kind of problem. */
export const typeOf = (kind: Kind): string => `urn:varve:${kind}`

/** The type of a rejection. */
export const rejectionType = (tag: string): string => `urn:varve:rejection:${tag}`

export const statusOf = (kind: Kind): number => kinds[kind][0]

/** A problem as JSON. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail?: string
  readonly [extension: string]: unknown
}

export const make = (
  kind: Kind,
  detail: string | undefined,
  extension?: { readonly [name: string]: unknown }
): Problem => {
  const [status, title] = kinds[kind]
  return { type: typeOf(kind), title, status, ...(detail !== undefined && detail !== "" && { detail }), ...extension }
}

const formatIssues = SchemaIssue.makeFormatterStandardSchemaV1()

/** What is wrong with a part of a request, path by path. A path begins with where it is: `body`, `path`, `query`, `headers`. */
export const badRequest = (part: ReadonlyArray<string>, issue: SchemaIssue.Issue): Problem => {
  const errors = formatIssues(issue).issues.slice(0, issuesPerProblem).map(({ message, path = [] }) => ({
    path: [...part, ...path.map((segment) => String(typeof segment === "object" ? segment.key : segment))],
    message
  }))
  const [first] = errors
  return make("BadRequest", first && `${first.path.join(".")}: ${first.message}`, { errors })
}

/** Most issues that one problem tells. */
const issuesPerProblem = 20

/** The same of one thing that no schema has looked at. */
export const badPart = (path: ReadonlyArray<string>, expected: string): Problem =>
  make("BadRequest", `${path.join(".")}: Expected ${expected}`, { errors: [{ path, message: `Expected ${expected}` }] })

/** What a problem tells of why an event cannot be read: no payload, and of a read model no id, which may be another's. */
const withoutInternals = <E extends Aggregate.ExecutionError["reason"] | ProjectionError.Reason>(
  reason: E,
  ownStream: boolean
): E => {
  if (reason._tag !== "Unreadable") return reason
  const { position, revision, stream, type, version, why } = reason
  const Unreadable = reason.constructor as new(fields: object) => E
  return new Unreadable({
    stream: ownStream ? stream : { ...stream, id: "" },
    version,
    position,
    type,
    revision,
    why
  })
}

/** The problem that an error of an instance is. */
export const ofExecution = (
  error: Aggregate.ExecutionError,
  request: { readonly matches?: boolean; readonly key?: boolean } = {}
): Problem => {
  const reason = withoutInternals(error.reason, true)
  const told = new Aggregate.ExecutionError({ aggregate: error.aggregate, id: error.id, reason })
  const kind: Kind = reason._tag === "Conflict" && request.matches === true
    ? "Precondition"
    : reason._tag === "Refused" && request.key === true && reason.actual === "other content"
    ? "KeyReused"
    : reason._tag
  return make(kind, reason.message, { error: codecs.executionError.encode(told) })
}

/** The problem that an error of a read model is. */
export const ofProjection = (error: ProjectionError.ProjectionError): Problem => {
  const reason = withoutInternals(error.reason, false)
  const Told = error.constructor as new(fields: object) => ProjectionError.ProjectionError
  const told = new Told({ target: error.target, reason })
  return make(reason._tag, reason.message, { error: codecs.projectionError.encode(told) })
}

const statusAnnotation = SchemaAST.resolveAt<number>("httpApiStatus")

/** Status of a rejection when its schema does not say: what was asked for was understood, and not done. */
const rejected = 422

export const rejectionStatus = (schema: Schema.Top): number => statusAnnotation(schema.ast) ?? rejected

/** Gives each rejection of an aggregate as a problem. */
export const ofRejection = (aggregate: Aggregate.Any): (rejection: unknown) => Problem => {
  const schemas = aggregate.rejections.map((schema) => ({ is: Schema.is(schema), status: rejectionStatus(schema) }))
  const codec = codecs.aggregate(aggregate).rejection
  return (rejection) => {
    // A rejection that no schema knows would not have compiled.
    const { _tag: tag, message } = rejection as { readonly _tag: string; readonly message?: unknown }
    return {
      type: rejectionType(tag),
      title: tag,
      status: schemas.find(({ is }) => is(rejection))?.status ?? rejected,
      ...(typeof message === "string" && message !== "" && { detail: message }),
      rejection: codec.encode(rejection)
    }
  }
}

/** How long a client waits before it asks again, in seconds. */
const retryAfterSeconds = "1"

/** A problem as a response. */
export const toResponse = (
  problem: Problem,
  headers: { readonly [name: string]: string } = {}
): HttpServerResponse.HttpServerResponse => {
  const all = problem.status === 503 ? { "retry-after": retryAfterSeconds, ...headers } : headers
  return HttpServerResponse.text(JSON.stringify(problem), {
    status: problem.status,
    contentType: ProblemDetails.contentType,
    headers: all
  })
}
