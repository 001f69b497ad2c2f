import type { Aggregate, Commit, CommitId, Domain, Metadata, Projection, StreamName } from "@varve/core"
import * as Rows from "@varve/core/Rows"
import type * as DateTime from "effect/DateTime"
import * as Deferred from "effect/Deferred"
import * as Equal from "effect/Equal"
import * as Result from "effect/Result"
import type { Pending, Prediction } from "../OptimisticState.ts"

/** A value of a tagged union, whose type was checked where it was made. */
export interface Tagged {
  readonly _tag: string
}

/** The parts of an aggregate that a prediction is made by. */
export interface Part extends Domain.AggregatePart {
  readonly decide: (command: Tagged, state: unknown, context: {
    readonly now: DateTime.Utc
    readonly actor: string | undefined
    readonly commitId: CommitId.CommitId
  }) => Result.Result<ReadonlyArray<Tagged>, unknown>
  readonly evolve: (state: unknown, event: Tagged) => unknown
}

/** An event as it is predicted, or as the server tells it, and what is known of its circumstances. */
export interface Happened {
  readonly event: Tagged
  readonly envelope: Omit<Projection.Envelope, "key">
}

/** Events by the rows that they go to: by name of the projection, then by key. */
export type Touched = ReadonlyMap<string, ReadonlyMap<string, ReadonlyArray<Happened>>>

/** What `execute` returns, whatever the aggregate. */
export type Executed = Aggregate.Executed<unknown, Tagged>

/** State of an instance, and its version. */
export type Tip = Aggregate.Loaded<unknown>

/** A command on its way: given, perhaps sent, perhaps stored, and not yet in every row that is shown. */
export interface Command {
  readonly commitId: CommitId.CommitId
  readonly part: Part
  readonly stream: StreamName.StreamName
  readonly command: Tagged
  readonly expected: number | undefined
  readonly metadata: Metadata.Metadata
  readonly actor: string | undefined
  readonly since: DateTime.Utc
  readonly outcome: Deferred.Deferred<Executed, unknown>
  status: Pending["status"]
  attempts: number
  /** When it was sent first, in the order of what is sent and received; `Infinity` while nobody can have got it. */
  sent: number
  /** An attempt of it may have been carried out, and nobody knows. */
  inDoubt: boolean
  prediction: Prediction
  /** What rows are folded with: the events as predicted, and once it is stored as they are. */
  touched: Touched
  receipt: Commit.Receipt | undefined
  /** How it is shown; made anew when it has changed. */
  shown: Pending | undefined
}

const unknown: Prediction = { _tag: "Unknown" }
const nothing: Touched = new Map()

/** A command that was just given. */
export const make = (
  given: Pick<Command, "commitId" | "part" | "stream" | "command" | "expected" | "metadata" | "actor" | "since">
): Command => ({
  ...given,
  outcome: Deferred.makeUnsafe(),
  status: "queued",
  attempts: 0,
  sent: Infinity,
  inDoubt: false,
  prediction: unknown,
  touched: nothing,
  receipt: undefined,
  shown: undefined
})

/** Where events go. A key function that throws is the server's affair, which halts there. */
export const touchedBy = (projections: ReadonlyArray<Projection.Any>, happened: ReadonlyArray<Happened>): Touched => {
  const touched = new Map<string, Map<string, Array<Happened>>>()
  for (const projection of projections) {
    const tags = new Set(projection.events.map(({ tag }) => tag))
    for (const one of happened) {
      if (!tags.has(one.event._tag)) continue
      const rows = touched.get(projection.tag) ?? new Map<string, Array<Happened>>()
      touched.set(projection.tag, rows)
      for (const key of keysOf(projection, one)) rows.set(key, [...rows.get(key) ?? [], one])
    }
  }
  return touched
}

const keysOf = (projection: Projection.Any, { envelope, event }: Happened): ReadonlyArray<string> => {
  try {
    return Rows.keysOf(projection, event, envelope)
  } catch {
    return []
  }
}

/** Says of events what the writer knows of them. */
const happenedOf = (
  { actor, commitId, metadata, stream }: Command,
  events: ReadonlyArray<Tagged>,
  before: number,
  occurredAt: DateTime.Utc
): ReadonlyArray<Happened> =>
  events.map((event, i) => ({
    event,
    envelope: {
      stream,
      version: before + i + 1,
      eventId: `${commitId}/${i}`,
      occurredAt,
      actor,
      correlationId: metadata.correlationId,
      causationId: metadata.causationId,
      user: metadata.user
    }
  }))

/** Takes other events, unless they are the same: rows that are folded already stay what they are. */
const take = (self: Command, projections: ReadonlyArray<Projection.Any>, happened: ReadonlyArray<Happened>): void => {
  const touched = happened.length === 0 ? nothing : touchedBy(projections, happened)
  if (!Equal.equals(touched, self.touched)) self.touched = touched
}

const predictionOf = ({ actor, command, commitId, expected, metadata, part, since }: Command, tip: Tip): Prediction => {
  if (expected !== undefined && expected !== tip.version) return { _tag: "Moved", version: tip.version }
  try {
    const decision = part.decide(command, tip.state, { now: metadata.occurredAt ?? since, actor, commitId })
    return Result.isSuccess(decision)
      ? { _tag: "Accepted", events: decision.success }
      : { _tag: "Rejected", rejection: decision.failure }
  } catch {
    return unknown
  }
}

/** The state after events; `undefined` where they do not fit, so that nothing is predicted on them. */
const evolve = (part: Part, { state, version }: Tip, events: ReadonlyArray<Tagged>): Tip | undefined => {
  try {
    return { state: events.reduce(part.evolve, state), version: version + events.length }
  } catch {
    return undefined
  }
}

/**
 * Decides a command on what those before it have left, and says what it leaves. What was sent stays as it was predicted
 * until its outcome is there.
 */
export const predict = (
  self: Command,
  tip: Tip | undefined,
  projections: ReadonlyArray<Projection.Any>
): Tip | undefined => {
  if (self.sent === Infinity) {
    const prediction = tip === undefined ? unknown : predictionOf(self, tip)
    if (!Equal.equals(prediction, self.prediction)) {
      self.prediction = prediction
      self.shown = undefined
    }
    const before = tip?.version ?? 0
    take(
      self,
      projections,
      prediction._tag === "Accepted"
        ? happenedOf(self, prediction.events as ReadonlyArray<Tagged>, before, self.since)
        : []
    )
  }
  if (tip === undefined || self.prediction._tag === "Unknown") return undefined
  // A prediction is made of the events of the part.
  return self.prediction._tag === "Accepted"
    ? evolve(self.part, tip, self.prediction.events as ReadonlyArray<Tagged>)
    : tip
}

/** Takes the outcome that the server tells: its events win. */
export const confirm = (
  self: Command,
  { events, receipt, version }: Executed,
  projections: ReadonlyArray<Projection.Any>
): void => {
  self.status = "stored"
  self.shown = undefined
  self.receipt = receipt._tag === "Some" ? receipt.value : undefined
  const same = self.prediction._tag === "Accepted" && Equal.equals(self.prediction.events, events)
  const before = (self.receipt?.streams[0].from ?? version + 1) - 1
  const occurredAt = same ? self.since : self.receipt?.recordedAt ?? self.since
  take(self, projections, self.receipt === undefined ? [] : happenedOf(self, events, before, occurredAt))
}

/** How a command is shown. */
export const show = (self: Command): Pending =>
  self.shown ??= {
    commitId: self.commitId,
    aggregate: self.part.tag,
    id: self.stream.id,
    command: self.command,
    status: self.status,
    attempts: self.attempts,
    prediction: self.prediction,
    since: self.since
  }

/** Events of a command that go to a row. */
export const goingTo = (
  { stream, touched }: Command,
  tenant: string,
  projection: string,
  key: string
): ReadonlyArray<Happened> | undefined => stream.tenant === tenant ? touched.get(projection)?.get(key) : undefined

const sameList = (a: ReadonlyArray<unknown>, b: ReadonlyArray<unknown>): boolean =>
  a.length === b.length && a.every((one, i) => Object.is(one, b[i]))

/** The list of before, where it holds the same: so that who compares by identity sees no change. */
export const keep = <A>(before: ReadonlyArray<A>, now: ReadonlyArray<A>): ReadonlyArray<A> =>
  sameList(before, now) ? before : now

/** A row with events on top. An event that the fold throws at leaves the row as it was, as on the server. */
export const foldAll = (
  projection: Projection.Any,
  key: string,
  row: unknown,
  events: ReadonlyArray<ReadonlyArray<Happened>>
): unknown => {
  for (const { envelope, event } of events.flat()) {
    try {
      row = Rows.fold(projection, row, event, { ...envelope, key })
    } catch {
      // It is parked there, too.
    }
  }
  return row
}
