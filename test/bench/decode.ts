/**
 * What it costs to make an event of a stored payload, JSON.parse excluded: a newest payload beside the bare decoder of its
 * schema, and one of revision 1, which goes through three hops, beside the newest. Rounds in turn, medians.
 */
import { Change, CommitId, Event, StoredEvent, StreamName, Upcaster } from "@varve/core"
import { DateTime, Result, Schema } from "effect"
import type { Bench, Settings } from "./frame/Bench.ts"
import { interleaveCalls } from "./frame/measure.ts"
import type { Report } from "./frame/Report.ts"

// Short rounds: one that is interrupted is one of many, and the median does not see it.
const roundsOfItsOwn = 601
const payloadsPerRound = 200

/** A newest payload costs at most this many times what the bare decoder takes. */
const newestTarget = 1.3
/** A payload of revision 1 costs at most this many times a newest one. */
const oldestTarget = 3

const common = {
  order: Schema.NonEmptyString,
  address: Schema.Struct({ street: Schema.String, city: Schema.NonEmptyString, country: Schema.String }),
  lines: Schema.Array(Schema.Struct({
    sku: Schema.NonEmptyString,
    quantity: Schema.Int.check(Schema.isGreaterThan(0)),
    cents: Schema.Int
  })),
  at: Schema.Date,
  note: Schema.optionalKey(Schema.String)
}
const Name = Schema.NonEmptyString
const Cents = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))
const Currency = Schema.Literals(["EUR", "USD"])
const Size = Schema.Literals(["letter", "parcel"])
const first = { ...common, client: Name, total: Schema.Finite }

class ByHand extends Event.make("ByHand", first)
  .revise(
    2,
    { ...common, customer: Name, total: Schema.Finite },
    ({ client, ...rest }) => ({ ...rest, customer: client })
  )
  .revise(
    3,
    { ...common, customer: Name, total: Cents, currency: Currency },
    (payload) => ({ ...payload, total: Math.round(payload.total * 100), currency: "EUR" })
  )
  .revise(
    4,
    { ...common, customer: Name, total: Cents, currency: Currency, size: Size },
    (payload) => ({ ...payload, size: payload.lines.length > 2 ? "parcel" : "letter" })
  )
{}

class ByChanges extends Event.make("ByChanges", first)
  .revise(2, Change.rename({ client: "customer" }))
  .revise(3, (payload) =>
    payload.pipe(
      Change.retype("total", Cents, (euros) => Math.round(euros * 100)),
      Change.add("currency", Currency, () => "EUR")
    ))
  .revise(4, Change.add("size", Size, ({ lines }) => lines.length > 2 ? "parcel" : "letter"))
{}

const shared = {
  order: "o-1815",
  address: { street: "12 St James's Square", city: "London", country: "GB" },
  lines: [1, 2, 3].map((n) => ({ sku: `sku-${n}`, quantity: n, cents: 100 * n })),
  at: "2024-02-29T12:34:56.789Z",
  note: "leave at the door"
}
const newest = { ...shared, customer: "Ada Lovelace", total: 1_400, currency: "EUR", size: "parcel" }
const oldest = { ...shared, client: "Ada Lovelace", total: 14 }

const storedAs = (type: string, revision: number, payload: unknown): StoredEvent.StoredEvent => ({
  id: "00000000-0000-7000-8000-000000000000/0",
  commitId: CommitId.make("00000000-0000-7000-8000-000000000000"),
  commitIndex: 0,
  stream: StreamName.make("Orders", "o-1815"),
  version: 1,
  position: StoredEvent.position(1),
  type,
  revision,
  payload: payload as StoredEvent.StoredEvent["payload"],
  metadata: {},
  occurredAt: DateTime.makeUnsafe(0),
  recordedAt: DateTime.makeUnsafe(0)
})

/** As many payloads as a round decodes, each parsed by itself, as they come from a store. */
const copies = <A>(payload: unknown, of: (payload: unknown) => A): ReadonlyArray<A> => {
  const text = JSON.stringify(payload)
  return Array.from({ length: payloadsPerRound }, () => of(JSON.parse(text)))
}

let last: unknown

const decodeAll = <A>(inputs: ReadonlyArray<A>, decode: (input: A) => Result.Result<unknown, unknown>) => () => {
  for (const input of inputs) {
    const decoded = decode(input)
    if (Result.isFailure(decoded)) throw new Error("a payload cannot be read", { cause: decoded.failure })
    last = decoded.success
  }
}

const identity = (payload: unknown) => payload
const readerOf = (event: Event.Any) => Upcaster.make().reader({ aggregates: ["Orders"], events: [event] })
const viaReader = (event: Event.Any, revision: number, payload: unknown) =>
  decodeAll(copies(payload, (payload) => storedAs(event.tag, revision, payload)), readerOf(event).upcast)
const viaDecode = (event: Event.Any, revision: number, payload: unknown) =>
  decodeAll(copies(payload, identity), (payload) => Event.decode(event, { revision, payload }))

const bare = Schema.decodeUnknownResult(Schema.toCodecJson(ByHand.revisions.at(-1)!.schema))

const cases = {
  bare: decodeAll(copies(newest, identity), bare),
  newest: viaDecode(ByHand, 4, newest),
  byHand: viaDecode(ByHand, 1, oldest),
  byChanges: viaDecode(ByChanges, 1, oldest),
  readNewest: viaReader(ByHand, 4, newest),
  readOldest: viaReader(ByHand, 1, oldest)
}
type Case = keyof typeof cases

const labels: Record<Case, string> = {
  bare: "bare decoder of the newest schema",
  newest: "newest revision",
  byHand: "revision 1, three hops by hand",
  byChanges: "revision 1, three hops of changes",
  readNewest: "newest revision, by a reader",
  readOldest: "revision 1 by hand, by a reader"
}

const run = async ({ rounds = roundsOfItsOwn }: Settings, report: Report): Promise<void> => {
  const names = Object.keys(cases) as ReadonlyArray<Case>
  const results = await interleaveCalls(cases, { calls: payloadsPerRound, rounds })
  if (last === undefined) throw new Error("nothing was decoded")
  report.condition(`one payload of nine fields, median of ${rounds} rounds of ${payloadsPerRound}`)
  for (const name of names) report.measure("a payload", { ...results[name], name: labels[name] })
  const ratio = (of: Case, to: Case, atMost: number) =>
    report.ratio(`${labels[of]}, to: ${labels[to]}`, results[of], results[to], { atMost })
  ratio("newest", "bare", newestTarget)
  ratio("byHand", "newest", oldestTarget)
  ratio("byChanges", "newest", oldestTarget)
  ratio("readNewest", "bare", newestTarget)
  ratio("readOldest", "readNewest", oldestTarget)
}

export const bench: Bench = {
  about: "what an event costs to read, in its newest revision and in its first, to the bare decoder of its schema",
  run
}
