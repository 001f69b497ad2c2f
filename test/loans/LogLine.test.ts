import { assert, describe, it } from "@effect/vitest"
import { Event, StreamName } from "@varve/core"
import { Result, Schema } from "effect"
import { Id, LoanApplication } from "../../examples/loans/src/LoanApplication.ts"
import * as LogLine from "../../examples/loans/src/LogLine.ts"
import * as Time from "../../examples/loans/src/Time.ts"
import { made } from "./log.ts"

const parse = (line: object | string) =>
  LogLine.parse({ number: 7, text: typeof line === "string" ? line : JSON.stringify(line) })

const reason = (line: object | string): string =>
  Result.match(parse(line), { onFailure: (bad) => bad.message, onSuccess: () => "fine" })

/** What a store makes of an event: JSON, and back. */
const stored = (line: LogLine.LogLine): LogLine.LoanEvent => {
  const { payload, revision, type } = LogLine.toNewEvent(line)
  const definition = LoanApplication.events.find(({ tag }) => tag === type)!
  return Result.getOrThrow(
    Event.decode<typeof definition>(definition, { revision, payload: JSON.parse(JSON.stringify(payload)) })
  )
}

describe("lines and events", () => {
  it("maps every activity and lifecycle to an event of its own, and back", () => {
    const names = LogLine.pairs.map(({ activity, lifecycle }) => {
      const event = LogLine.toEvent({ activity, lifecycle, amountRequested: 5, resource: null })
      assert.deepStrictEqual(LogLine.toPair(event), { activity, lifecycle })
      return "work" in event ? `${event._tag} ${event.work}` : event._tag
    })
    assert.lengthOf(LogLine.pairs, 17 + 7 * 3)
    assert.strictEqual(new Set(names).size, names.length)
    const tags = new Set(names.map((name) => name.split(" ")[0]))
    assert.deepStrictEqual(tags, new Set(LoanApplication.events.map(({ tag }) => tag)))
  })

  const Parts = Schema.Struct({
    pair: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: LogLine.pairs.length - 1 })),
    application: Id,
    amountRequested: LogLine.LogLine.fields.amountRequested,
    seq: LogLine.LogLine.fields.seq,
    resource: LogLine.LogLine.fields.resource,
    // 2011 to 2013: with both changes of the clocks.
    epochMillis: Schema.Int.check(Schema.isBetween({ minimum: 1_293_840_000_000, maximum: 1_388_534_400_000 }))
  })

  it.prop("writes the line again from its stored event, byte by byte", [Parts], ([parts]) => {
    const { amountRequested, application, epochMillis, pair, resource, seq } = parts
    const time = Time.format(epochMillis)
    const line: LogLine.LogLine = { application, amountRequested, seq, ...LogLine.pairs[pair]!, resource, time }
    assert.deepStrictEqual(parse(LogLine.format(line)), Result.succeed(line))
    const occurredAt = LogLine.toNewEvent(line).occurredAt!
    assert.strictEqual(occurredAt.epochMilliseconds, epochMillis)
    // The amount is in the first event of an application: whoever writes its lines again has read that.
    const again = LogLine.toLine(stored(line), { application, amountRequested, version: seq, occurredAt })
    assert.strictEqual(LogLine.format(again), LogLine.format(line))
  })

  it("keeps its streams under names that a store takes", () => {
    assert.strictEqual(StreamName.format(StreamName.make(LoanApplication.name, "173688")), "LoanApplication/173688")
  })
})

describe("times", () => {
  it("are those of the Netherlands, also in the hour that comes twice", () => {
    const twice = ["2011-10-30T02:30:00.000+02:00", "2011-10-30T02:30:00.000+01:00"]
    assert.deepStrictEqual(twice.map((text) => Time.format(Time.parse(text)!)), twice)
    assert.strictEqual(Time.parse(twice[1]!)! - Time.parse(twice[0]!)!, 3_600_000)
  })

  it.each([
    "2011-02-30T12:00:00.000+01:00",
    "2011-10-01T00:38:44.546Z",
    "2011-10-01T00:38:44.546+01:00",
    "2011-10-01T00:38:44+02:00",
    "2011-10-01",
    "yesterday"
  ])("refuses %s", (text) => assert.isUndefined(Time.parse(text)))
})

describe("bad lines", () => {
  const line = made({ applications: 1, rounds: 1 })[0]!

  it.each<[string, object | string, string]>([
    ["text", "hello", "expected a JSON object, got \"hello\""],
    ["half a line", "{\"application\":\"1736", "expected a JSON object, got"],
    ["an array", "[1]", "expected a JSON object, got \"[1]\""],
    ["null", "null", "expected a JSON object"],
    ["no application", { ...line, application: undefined }, "application: expected"],
    [
      "an application that is no number",
      { ...line, application: "a/b" },
      "application: expected a number of 1 to 18 digits, as text, got \"a/b\""
    ],
    [
      "half a euro",
      { ...line, amountRequested: 0.5 },
      "amountRequested: expected whole euros from 0 to a billion, got \"0.5\""
    ],
    ["an amount as text", { ...line, amountRequested: "20000" }, "amountRequested: expected"],
    ["no place", { ...line, seq: 0 }, "seq: expected"],
    ["another activity", { ...line, activity: "A_LOST" }, "activity: expected an activity of the log, got \"A_LOST\""],
    [
      "another lifecycle",
      { ...line, lifecycle: "END" },
      "lifecycle: expected SCHEDULE, START or COMPLETE, got \"END\""
    ],
    [
      "a start of what is done at once",
      { ...line, lifecycle: "START" },
      "lifecycle: expected COMPLETE for A_SUBMITTED, got START"
    ],
    ["a resource that is a number", { ...line, resource: 112 }, "resource: expected an employee or null, got \"112\""],
    ["no resource at all", { ...line, resource: undefined }, "resource: expected an employee or null, got none"],
    [
      "a day that is none",
      { ...line, time: "2011-02-30T12:00:00.000+01:00" },
      "time: expected a time in the Netherlands"
    ],
    ["a field that would be lost", { ...line, note: "x" }, "note: expected no such field, got \"x\""]
  ])("names %s", (_, line, expected) => {
    assert.include(reason(line), `line 7: ${expected}`)
  })
})
