/** What is told of events that cannot be restored as they are: the thing, what it is to be, and what it is. */
import { CommitId, EventStoreError, Limits, Restored, StoredEvent, StreamName } from "@varve/core"
import { DateTime } from "effect"
import { describe, expect, it } from "vitest"

const [first, second] = [
  CommitId.make("00000000-0000-7000-8000-000000000001"),
  CommitId.make("00000000-0000-7000-8000-000000000002")
]

const at = DateTime.makeUnsafe("2026-01-31T12:00:00Z")

/** Positions 5 to 7: two events of a commit, and one of the next, all of one stream. */
const events = (change: (event: StoredEvent.StoredEvent, i: number) => Partial<StoredEvent.StoredEvent> = () => ({})) =>
  [0, 1, 2].map((i) => {
    const [commitId, commitIndex] = i < 2 ? [first, i] as const : [second, 0] as const
    const event: StoredEvent.StoredEvent = {
      id: StoredEvent.id(commitId, commitIndex),
      commitId,
      commitIndex,
      stream: StreamName.make("Account", "ada"),
      version: i + 3,
      position: StoredEvent.position(i + 5),
      type: "Opened",
      revision: 1,
      payload: { i },
      metadata: { actor: "eve", fingerprint: "mark" },
      occurredAt: DateTime.makeUnsafe(i),
      recordedAt: at
    }
    return { ...event, ...change(event, i) }
  }) as [StoredEvent.StoredEvent, ...Array<StoredEvent.StoredEvent>]

const told = (...changes: Parameters<typeof events>): string => {
  const encoded = Restored.encode(events(...changes))
  return encoded instanceof EventStoreError.Refused ? encoded.message : "accepted"
}

/** Changes the event of one place. */
const only = (place: number, change: Partial<StoredEvent.StoredEvent>) => told((_, i) => i === place ? change : {})

const position = StoredEvent.position

describe("Restored.encode", () => {
  it("lists commits, streams and events", () => {
    const metadata = `{"actor":"eve","fingerprint":"mark"}`
    const recordedAt = at.epochMilliseconds
    const common = { slot: 0, type: "Opened", revision: 1 }
    expect({ ...Restored.encode(events((_, i) => i === 1 ? { payload: null } : {})) }).toMatchObject({
      commits: [
        { id: first, fingerprint: "mark", metadata, recordedAt },
        { id: second, fingerprint: "mark", metadata, recordedAt }
      ],
      streams: [{ stream: { tenant: "", category: "Account", id: "ada" }, key: "Account/ada", before: 2 }],
      events: [
        { ...common, commit: 0, index: 0, version: 3, position: 5, payload: `{"i":0}`, occurredAt: 0 },
        { ...common, commit: 0, index: 1, version: 4, position: 6, payload: null, occurredAt: 1 },
        { ...common, commit: 1, index: 0, version: 5, position: 7, payload: `{"i":2}`, occurredAt: 2 }
      ]
    })
  })

  it("tells what is wrong with places", () => {
    expect(only(2, { position: position(8) })).toBe("position after 6: expected 7, got 8")
    expect(told(() => ({ position: position(0) }))).toBe(
      "position of an event to restore: expected a whole number from 1 to 9007199254740991, got 0"
    )
    expect(only(0, { commitIndex: 1 })).toBe(
      "place in its commit of the event at position 5: expected 0, for commits are whole, got 1"
    )
    expect(only(1, { commitIndex: 2 })).toBe("place in its commit of the event at position 6: expected 1, got 2")
    expect(only(2, { commitId: first })).toBe("place in its commit of the event at position 7: expected 2, got 0")
    expect(told((_, i) => ({ commitId: [first, second, first][i]!, commitIndex: 0 }))).toBe(
      `commit ${first}: expected its events one after the other, got others between them`
    )
    expect(only(1, { version: 5 })).toBe("version of Account/ada at position 6: expected 4, got 5")
    expect(told(() => ({ version: 0 }))).toBe(
      "version of Account/ada at position 5: expected a whole number from 1 to 2147483647, got 0"
    )
  })

  it("tells what is wrong with times", () => {
    const later = DateTime.add(at, { milliseconds: 1 })
    expect(only(1, { recordedAt: later })).toBe(
      "recordedAt of the event at position 6: expected 2026-01-31T12:00:00.000Z, that of its commit, got 2026-01-31T12:00:00.001Z"
    )
    expect(told((_, i) => i < 2 ? { recordedAt: later } : {})).toBe(
      "recordedAt of the event at position 7: expected at or after 2026-01-31T12:00:00.001Z, got 2026-01-31T12:00:00.000Z"
    )
    expect(only(0, { occurredAt: DateTime.makeUnsafe(Limits.latestMillis + 1) })).toBe(
      "occurredAt of the event at position 5: expected a time of the years 1 to 9999, to the millisecond, got 253402300800000 ms since 1970"
    )
    expect(only(0, { occurredAt: { epochMilliseconds: 0.5 } as never })).toMatch(/, got 0\.5 ms since 1970$/)
    expect(only(0, { occurredAt: DateTime.makeUnsafe(Limits.latestMillis) })).toBe("accepted")
    expect(only(0, { occurredAt: DateTime.makeUnsafe(Limits.earliestMillis) })).toBe("accepted")
    expect(told(() => ({ recordedAt: DateTime.makeUnsafe(Limits.earliestMillis - 1) }))).toMatch(
      /^recordedAt of the event at position 5: expected a time of the years 1 to 9999, to the millisecond, got /
    )
  })

  it("tells what is wrong with what they hold", () => {
    expect(only(1, { type: "no name" })).toMatch(/^event type at position 6: expected a letter/)
    expect(only(1, { revision: 0 })).toBe(
      "revision of Opened at position 6: expected a whole number from 1 to 32767, got 0"
    )
    expect(only(1, { payload: [1] })).toBe("payload of Opened at position 6: expected a JSON object, got an array")
    expect(only(1, { payload: { a: NaN } })).toBe(
      "payload of Opened at position 6: expected a finite number, got NaN at [\"a\"]"
    )
    expect(only(1, { metadata: { actor: "bob" } })).toBe(
      "metadata of the event at position 6: expected that of its commit, got other metadata"
    )
    expect(only(2, { metadata: { fingerprint: "x".repeat(65) } })).toMatch(
      new RegExp(`^fingerprint of commit ${second}: expected at most 64 characters, got "xxx`)
    )
    expect(only(2, { metadata: { fingerprint: "x".repeat(64) } })).toBe("accepted")
    expect(only(2, { metadata: { fingerprint: 5 as never } })).toBe(
      `fingerprint of commit ${second}: expected at most 64 characters, got 5`
    )
    expect(only(2, { metadata: null as never })).toBe(`metadata of commit ${second}: expected a JSON object, got null`)
    expect(only(2, { commitId: "none" as CommitId.CommitId })).toBe(
      "commit id at position 7: expected a UUID in lower case, got \"none\""
    )
    expect(told(({ stream }) => ({ stream: { ...stream, id: "" } }))).toMatch(/^id of a stream of Account: /)
  })

  const many = (count: number, payload: StoredEvent.StoredEvent["payload"], perCommit: number) => {
    const [event] = events()
    return Array.from({ length: count }, (_, i): StoredEvent.StoredEvent => {
      const commitId = CommitId.make(
        `00000000-0000-7000-8000-${Math.floor(i / perCommit).toString(16).padStart(12, "0")}`
      )
      const place = { commitId, commitIndex: i % perCommit, position: position(i + 1), version: i + 1 }
      return { ...event, ...place, payload }
    }) as [StoredEvent.StoredEvent]
  }
  const encoded = (...events: Parameters<typeof many>) => {
    const encoded = Restored.encode(many(...events))
    return encoded instanceof EventStoreError.Refused ? encoded.message : encoded.events.length
  }

  it("has bounds", () => {
    expect(encoded(0, {}, 1)).toBe("events of one restore: expected 1 to 11000, got 0")
    expect(encoded(Limits.eventsPerRestore, {}, 1)).toBe(11_000)
    expect(encoded(Limits.eventsPerRestore + 1, {}, 1)).toBe("events of one restore: expected 1 to 11000, got 11001")
    expect(encoded(1_000, {}, 1_000)).toBe(1_000)
    expect(encoded(1_001, {}, 1_001)).toMatch(/^events of commit .*: expected at most 1000, got more$/)
    // 64 MB exactly, of payloads and the metadata of their commits.
    const metadata = `{"actor":"eve","fingerprint":"mark"}`.length
    const sized = (bytes: number) => ({ text: "x".repeat(bytes - 11) })
    const full = many(64, sized(Limits.payloadBytes), 1)
    const upTo = (bytes: number) => {
      const last = { ...full.at(-1)!, payload: sized(bytes) }
      const [first, ...others] = [...full.slice(0, -1), last]
      const encoded = Restored.encode([first!, ...others])
      return encoded instanceof EventStoreError.Refused ? encoded.message : "accepted"
    }
    expect(upTo(Limits.payloadBytes - 64 * metadata)).toBe("accepted")
    expect(upTo(Limits.payloadBytes - 64 * metadata + 1)).toBe(
      "payloads and metadata of one restore: expected at most 67108864 bytes, got more"
    )
  })
})

describe("what a store tells", () => {
  const message = (refused: EventStoreError.Refused | undefined) => refused?.message

  it("names what does not continue it", () => {
    expect(message(Restored.wrongPosition(4, 5))).toBe(undefined)
    expect(message(Restored.wrongPosition(4, 7))).toBe(
      "position of the first event to restore: expected 5, the one after the head, got 7"
    )
    expect(message(Restored.wrongTime(1_000, 1_000))).toBe(undefined)
    expect(message(Restored.wrongTime(1_000, 999))).toBe(
      "recordedAt of the first event to restore: expected at or after 1970-01-01T00:00:01.000Z, got 1970-01-01T00:00:00.999Z"
    )
    expect(message(Restored.wrongVersion(StreamName.make("Account", "ada"), 3, 5))).toBe(
      "first version to restore of Account/ada: expected 4, the one after those it has, got 6"
    )
    expect(message(Restored.knownCommit(first))).toBe(
      `commit ${first}: expected an id that the store does not know, got one that it does`
    )
  })
})
