import { Aggregate, ProjectionError } from "@varve/core"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as ProblemDetails from "effect/http/ProblemDetails"
import * as Schema from "effect/Schema"
import * as problems from "./problems.ts"
import type { Kind } from "./problems.ts"

const problem = (
  status: number,
  type: Schema.Top & { readonly Type: string },
  fields: Schema.Struct.Fields = {}
): Schema.Top =>
  Schema.Struct({
    type,
    title: Schema.String,
    status: Schema.Literal(status),
    detail: Schema.optionalKey(Schema.String),
    ...fields
  }).pipe(HttpApiSchema.status(status), HttpApiSchema.asJson({ contentType: ProblemDetails.contentType }))

const ofKind = (kind: Kind, fields?: Schema.Struct.Fields): Schema.Top =>
  problem(problems.statusOf(kind), Schema.Literal(problems.typeOf(kind)), fields)

const errors = Schema.Array(Schema.Struct({ path: Schema.Array(Schema.String), message: Schema.String }))

/** What every endpoint may answer. */
const everywhere = [ofKind("BadRequest", { errors }), ofKind("Defect")]

/** What an endpoint with a body may answer. */
const withBody = [ofKind("TooLarge", { limitBytes: Schema.Int }), ofKind("NoMediaType")]

const executionProblem = (kind: Kind, reason: Schema.Top): Schema.Top =>
  ofKind(kind, {
    error: Schema.Struct({
      _tag: Schema.Literal("ExecutionError"),
      aggregate: Schema.String,
      id: Schema.String,
      reason
    })
  })

/** The reasons of an error by their tags, which are kinds of problems. */
const reasonsOf = (
  union: { readonly members: ReadonlyArray<Schema.Top> }
): ReadonlyArray<readonly [Kind, Schema.Top]> =>
  union.members.map((member) => {
    // Every reason is a tagged error, whose tag is a field of its schema.
    const { fields } = member as unknown as {
      readonly fields: { readonly _tag: { readonly schema: Schema.Literal<Kind> } }
    }
    return [fields._tag.schema.literal, member]
  })

const executionReasons = reasonsOf(Aggregate.ExecutionError.fields.reason)

/** What reading an instance may answer. */
export const instance: ReadonlyArray<Schema.Top> = [
  ...everywhere,
  ...executionReasons
    .filter(([kind]) => kind !== "Conflict" && kind !== "OutcomeUnknown")
    .map(([kind, reason]) => executionProblem(kind, reason)),
  ofKind("Behind")
]

/** What a command may answer. */
export const command = ({ rejections }: Aggregate.Any): ReadonlyArray<Schema.Top> => {
  const reasons = new Map(executionReasons)
  return [
    ...everywhere,
    ...withBody,
    ...executionReasons.map(([kind, reason]) => executionProblem(kind, reason)),
    executionProblem("Precondition", reasons.get("Conflict")!),
    executionProblem("KeyReused", reasons.get("Refused")!),
    ...rejections.map((rejection) =>
      problem(problems.rejectionStatus(rejection), Schema.String, { rejection: Schema.toType(rejection as Schema.Top) })
    )
  ]
}

/** What reading rows may answer. */
export const rows: ReadonlyArray<Schema.Top> = [
  ...everywhere,
  ...reasonsOf(ProjectionError.ProjectionError.fields.reason).map(([kind, reason]) =>
    ofKind(kind, {
      error: Schema.Struct({ _tag: Schema.Literal("ProjectionError"), target: Schema.String, reason })
    })
  )
]

/** The same of one row. */
export const row: ReadonlyArray<Schema.Top> = [...rows, ofKind("NoRow")]

/** The same of many rows, which a body names. */
export const many: ReadonlyArray<Schema.Top> = [...rows, ...withBody]
