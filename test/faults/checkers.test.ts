/** The oracle and the checker of orders, against histories made by hand: what is well, and what is not. */
import { describe, expect, it } from "@effect/vitest"
import type { History } from "./History.ts"
import * as linear from "./linear.ts"
import * as Oracle from "./Oracle.ts"
import { Ledger, type Outcome } from "./Records.ts"
import { growth } from "./suites/soak.ts"

const entry = (position: number, stream: string, version: number, commit: string, index: number, number: number) => ({
  position,
  stream,
  version,
  commit,
  index,
  number,
  recordedAt: position
})

/** Two commits: `a` of one event, then `b` of two streams. */
const history: History = [entry(1, "s", 1, "a", 0, 10), entry(2, "s", 2, "b", 0, 20), entry(3, "t", 1, "b", 1, 21)]

type Written = Outcome & { readonly tag: "Written" }

const written = (first: number, last: number, streams: Written["streams"]): Written => ({
  tag: "Written",
  first,
  last,
  replayed: false,
  streams
})

const acknowledgedA = written(1, 1, [["s", 1, 1]])
const acknowledgedB = written(2, 3, [["s", 2, 2], ["t", 1, 1]])
const unknown: Outcome = { tag: "OutcomeUnknown", message: "" }

/** `a` from 0 to 10, `b` from 20 to 30. */
const ledgerOf = (a: Outcome | undefined, b: Outcome | undefined): Ledger => {
  const ledger = new Ledger()
  const hear = ledger.listener(1)
  hear({ tag: "Sent", at: 0, commit: { id: "a", writes: [{ stream: "s", expected: 0, numbers: [10] }] } })
  if (a !== undefined) hear({ tag: "Told", at: 10, id: "a", outcome: a })
  const writes = [{ stream: "s", expected: 1, numbers: [20] }, { stream: "t", expected: "any" as const, numbers: [21] }]
  hear({ tag: "Sent", at: 20, commit: { id: "b", writes } })
  if (b !== undefined) hear({ tag: "Told", at: 30, id: "b", outcome: b })
  return ledger
}

const violations = (ledger: Ledger, stored: History = history) => Oracle.judge(ledger, stored).violations

describe("the oracle", () => {
  it("has nothing to say of a store that holds what was acknowledged, and what nobody has heard of or not", () => {
    expect(violations(ledgerOf(acknowledgedA, acknowledgedB))).toEqual([])
    expect(violations(ledgerOf(acknowledgedA, unknown))).toEqual([])
    expect(violations(ledgerOf(acknowledgedA, undefined))).toEqual([])
    expect(violations(ledgerOf(acknowledgedA, unknown), history.slice(0, 1))).toEqual([])
    expect(Oracle.judge(ledgerOf(acknowledgedA, unknown), history)).toMatchObject({
      unknownStored: 1,
      unknownAbsent: 0
    })
  })

  it.each<readonly [string, Ledger, History, RegExp]>([
    [
      "is missing",
      ledgerOf(acknowledgedA, acknowledgedB),
      history.slice(0, 1),
      /commit b was acknowledged, and is missing/
    ],
    [
      "was refused",
      ledgerOf(acknowledgedA, { tag: "Unavailable", message: "" }),
      history,
      /commit b was refused \(Unavailable\), and is at 2/
    ],
    [
      "is there twice under another id",
      ledgerOf(acknowledgedA, unknown),
      [...history, entry(4, "s", 3, "c", 0, 20)],
      /commit c at 4 is nobody's\nevent 20 is there twice, at 2 and 4/
    ],
    [
      "is there by half",
      ledgerOf(acknowledgedA, unknown),
      history.slice(0, 2),
      /commit b: sent .* stored \[\["s",20\]\]/
    ],
    [
      "leaves a gap",
      ledgerOf(acknowledgedA, undefined),
      [history[0]!, { ...history[1]!, position: 3 }, { ...history[2]!, position: 4 }],
      /position 3, where 2 was due/
    ],
    [
      "skips a version",
      ledgerOf(acknowledgedA, undefined),
      [history[0]!, { ...history[1]!, version: 3 }, history[2]!],
      /version 3 of s at 2, where 2 was due/
    ],
    [
      "is elsewhere than its receipt told",
      ledgerOf(acknowledgedA, written(2, 3, [["s", 3, 3], ["t", 1, 1]])),
      history,
      /commit b: acknowledged at 2 to 3/
    ],
    [
      "was not where it was expected",
      ledgerOf(undefined, acknowledgedB),
      [entry(1, "t", 1, "b", 0, 21), entry(2, "s", 1, "b", 1, 20)],
      /commit b: expected 1 of s, which was at version 0/
    ],
    [
      "conflicts with a version that fits",
      ledgerOf(acknowledgedA, { tag: "Conflict", stream: "s", actual: 1 }),
      history.slice(0, 1),
      /a conflict of s at version 1, where 1 was expected/
    ],
    [
      "was recorded before the one before it",
      ledgerOf(acknowledgedA, acknowledgedB),
      [history[0]!, { ...history[1]!, recordedAt: 0 }, history[2]!],
      /position 2 was recorded 1 ms before the one before/
    ],
    [
      "came to something that no store may come to",
      ledgerOf(acknowledgedA, { tag: "Defect", message: "TypeError" }),
      history.slice(0, 1),
      /an append: Defect: TypeError/
    ]
  ])("finds a commit that %s", (_, ledger, stored, wanted) => {
    expect(violations(ledger, stored).join("\n")).toMatch(wanted)
  })
})

describe("of accounts, the oracle", () => {
  const move = (position: number, version: number, commit: string, number: number, cents: number) => ({
    ...entry(position, "account", version, commit, 0, number),
    cents
  })
  const moves: History = [move(1, 1, "in", 10, 50), move(2, 2, "out", 20, -40)]
  const told = (version: number, last: number, balance: number) => ({ version, last, balance })
  const rejected = (state: ReturnType<typeof told>): Outcome => ({ tag: "Rejected", stream: "account", state })
  const executed = (version: number, state: ReturnType<typeof told>): Outcome => ({
    ...written(version, version, [["account", version, version]]),
    states: [["account", state]]
  })

  /** 50 cents come in from 0 to 10, 40 go out from 20 to 30, and then somebody asks for 30. */
  const ledgerOf = (out: Outcome, more: Outcome, from = 40): Ledger => {
    const ledger = new Ledger()
    const hear = ledger.listener(1)
    const send = (id: string, number: number, cents: number, at: number, outcome: Outcome) => {
      const writes = [{ stream: "account", expected: "any" as const, numbers: [number], cents }]
      hear({ tag: "Sent", at, commit: { id, writes } })
      hear({ tag: "Told", at: at + 10, id, outcome })
    }
    send("in", 10, 50, 0, executed(1, told(1, 10, 50)))
    send("out", 20, -40, 20, out)
    send("more", 30, -30, from, more)
    return ledger
  }
  const well = executed(2, told(2, 20, 10))

  it("has nothing to say of commands that were told what is true", () => {
    expect(violations(ledgerOf(well, rejected(told(2, 20, 10))), moves)).toEqual([])
    expect(violations(ledgerOf(unknown, rejected(told(2, 20, 10))), moves)).toEqual([])
    expect(ledgerOf(well, rejected(told(2, 20, 10))).counts).toMatchObject({
      acknowledgedCommands: 2,
      rejectedCommands: 1
    })
  })

  it.each<readonly [string, Ledger, History, RegExp]>([
    [
      "takes out more than is there",
      ledgerOf(well, executed(3, told(3, 30, -20))),
      [...moves, move(3, 3, "more", 30, -30)],
      /account has -20 cents at version 3/
    ],
    [
      "is told another balance than there is",
      ledgerOf(executed(2, told(2, 20, 60)), rejected(told(2, 20, 10))),
      moves,
      /commit out: the state of account: version 2 has 10 cents behind event 20, not 60 behind 20/
    ],
    [
      "is told the state of another version",
      ledgerOf(executed(2, told(1, 10, 50)), rejected(told(2, 20, 10))),
      moves,
      /commit out: the state of account: it is the state of version 1, not 2/
    ],
    [
      "is rejected, and stored",
      ledgerOf(well, rejected(told(2, 20, 10))),
      [...moves, move(3, 3, "more", 30, -30)],
      /commit more was refused \(Rejected\), and is at 3/
    ],
    [
      "is rejected without a reason",
      ledgerOf(well, rejected(told(1, 10, 50)), 22),
      moves,
      /commit more: -30 cents of account were rejected, which had 50/
    ],
    [
      "is rejected on a state that is behind",
      ledgerOf(well, rejected(told(0, 0, 0))),
      moves,
      /version 0 of account, loaded is true of 0 events, after .* has shown that there are 2/
    ],
    [
      "is rejected on a state that there never was",
      ledgerOf(well, rejected(told(2, 10, 20))),
      moves,
      /version 2 of account, loaded: in the end version 2 has 10 cents behind event 20, not 20 behind 10/
    ],
    [
      "moves another amount than was asked for",
      ledgerOf(well, rejected(told(2, 20, 9))),
      [moves[0]!, move(2, 2, "out", 20, -41)],
      /commit out: sent \[\["account",20,-40\]\], stored \[\["account",20,-41\]\]/
    ]
  ])("finds a command that %s", (_, ledger, stored, wanted) => {
    expect(violations(ledger, stored).join("\n")).toMatch(wanted)
  })
})

describe("the checker of orders", () => {
  const seen = (from: number, to: number, sight: Parameters<Ledger["sights"]["push"]>[0]["sight"]): Ledger => {
    const ledger = ledgerOf(acknowledgedA, acknowledgedB)
    const hear = ledger.listener(1)
    hear({ tag: "Seen", from, to, sight })
    return ledger
  }
  const version = (number: number) => ({
    tag: "Stream" as const,
    stream: "s",
    events: number === 0 ? [] : [[number, number * 10] as const]
  })

  it("finds an order where there is one", () => {
    expect(linear.judge(ledgerOf(acknowledgedA, acknowledgedB), history)).toEqual([])
    // Beside an append both are right, before and behind it.
    for (const number of [1, 2]) expect(linear.judge(seen(22, 28, version(number)), history)).toEqual([])
    expect(linear.judge(seen(12, 15, version(1)), history)).toEqual([])
    expect(linear.judge(seen(31, 32, { tag: "Head", head: 3 }), history)).toEqual([])
  })

  it.each<readonly [string, Ledger, RegExp]>([
    [
      "reads what was true before an acknowledgement",
      seen(31, 32, version(1)),
      /version 1 of s is true of 1 events, after/
    ],
    ["reads what was not sent yet", seen(12, 15, version(2)), /commit b at 2 was not sent yet/],
    [
      "sees half a commit",
      seen(22, 28, { tag: "Head", head: 2 }),
      /head 2 is true of 2 events, which is half a commit/
    ],
    ["finds no commit that was acknowledged", seen(11, 12, { tag: "Commit", id: "a", first: null }), /no commit a/],
    [
      "reads an event that is another in the end",
      seen(31, 32, { tag: "Stream", stream: "s", events: [[2, 99]] }),
      /version 2 is event 20, not 99/
    ],
    [
      "reads a page that leaves an event out",
      seen(31, 32, { tag: "Page", after: 0, scannedTo: 3, atHead: true, events: [[1, 10], [3, 21]] }),
      /a page behind 0 up to 3, which is the head: in the end it holds 3 events/
    ],
    [
      "is behind every head",
      seen(31, 32, { tag: "Head", head: 4 }),
      /head 4 is true of 4 events, of which there are only 3/
    ]
  ])("finds none where somebody %s", (_, ledger, wanted) => {
    expect(linear.judge(ledger, history).join("\n")).toMatch(wanted)
  })

  it("finds none where two readers saw two orders", () => {
    const ledger = ledgerOf(acknowledgedA, unknown)
    const hear = ledger.listener(1)
    // `b` is under way from 20 on: who has seen it has seen it for all who come later.
    hear({ tag: "Seen", from: 22, to: 24, sight: version(2) })
    hear({ tag: "Seen", from: 25, to: 27, sight: version(1) })
    expect(linear.judge(ledger, history)).toHaveLength(1)
  })

  it("finds none where appends are stored in another order than they were acknowledged and sent in", () => {
    const [a, b] = [history[0]!, history[1]!]
    const other = [{ ...b, position: 1, version: 1 }, { ...a, position: 2, version: 2 }]
    expect(linear.judge(ledgerOf(acknowledgedA, acknowledgedB), other).join("\n")).toMatch(/was not sent yet/)
  })
})

it("growth is the slope of all samples, not the difference of two", () => {
  const steady = Array.from({ length: 60 }, (_, seconds) => ({ seconds, megabytes: 50 + (seconds % 7) }))
  expect(Math.abs(growth(steady))).toBeLessThan(1)
  const growing = steady.map(({ megabytes, seconds }) => ({ seconds, megabytes: megabytes + seconds / 20 }))
  expect(growth(growing)).toBeGreaterThan(2)
})
