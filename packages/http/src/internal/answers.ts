import * as EventStoreError from "@varve/core/EventStoreError"

/** What came back: the status, and the body where it is JSON. */
export interface Answered {
  readonly _tag: "Answered"
  readonly status: number
  /** `undefined` where the body is no JSON: it is not of the API. */
  readonly body: unknown
}

/** Nothing came back. */
export interface Lost {
  readonly _tag: "Lost"
  readonly why: string
}

/** A problem that the API has answered with: its kind, and what comes with it. */
export interface Told {
  /** Behind `urn:varve:`. */
  readonly kind: string
  readonly detail: string
  readonly error: unknown
  readonly rejection: unknown
}

/** The problem of an answer; `undefined` when the answer is not one of the API. */
export const problemOf = ({ body }: Answered): Told | undefined => {
  if (typeof body !== "object" || body === null) return undefined
  const { detail, error, rejection, title, type } = body as { readonly [member: string]: unknown }
  if (typeof type !== "string" || !type.startsWith("urn:varve:")) return undefined
  return {
    kind: type.slice("urn:varve:".length),
    detail: typeof detail === "string" ? detail : String(title),
    error,
    rejection
  }
}

/** An answer in few words. */
const describe = (answer: Answered | Lost): string => {
  if (answer._tag === "Lost") return answer.why
  const told = problemOf(answer)
  return told === undefined ? `status ${answer.status}` : `status ${answer.status}, ${told.detail}`
}

/**
 * Whether nobody can know by an answer what has become of a command: there is none, it is that of something between, or the
 * server does not know it either.
 */
export const isDoubtful = (answer: Answered | Lost): boolean => {
  if (answer._tag === "Lost") return true
  const { body, status } = answer
  if (status < 300) return body === undefined
  const kind = problemOf(answer)?.kind
  return kind === "OutcomeUnknown" || kind === "Defect" || (kind === undefined && status >= 500)
}

/** Why an answer that no error of core has come with is none. */
export const reasonOf = (
  what: string,
  answer: Answered | Lost
): EventStoreError.Refused | EventStoreError.Unavailable => {
  const expected = "an answer of the API"
  const actual = describe(answer)
  const refused = answer._tag === "Answered" && answer.status >= 400 && answer.status < 500 && answer.status !== 408
    && answer.status !== 429
  return refused
    ? new EventStoreError.Refused({ what, expected, actual })
    : new EventStoreError.Unavailable({ what, expected, actual })
}
