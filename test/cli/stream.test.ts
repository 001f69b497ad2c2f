/** `varve stream show`: what lies in a stream, how this program reads it, and what it comes to. */
import { assert, describe, it } from "@effect/vitest"
import { StoreAdmin, StreamName } from "@varve/core"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import * as Look from "./look/Look.ts"

const day = 86_400_000
const start = Date.parse("2026-01-30T12:00:00Z")

/** A lamp that was lit by an old release, carried, dusted, and darkened: a day apart. */
const filled = Effect.gen(function*() {
  yield* TestClock.setTime(start)
  yield* Look.write({ id: "a", type: "Lit", payload: { percent: 50 }, occurredAt: "2026-01-01T00:00:00Z" })
  yield* TestClock.adjust(day)
  yield* Look.write({ id: "a", type: "Carried", payload: { room: "hall" }, occurredAt: "2025-12-01T00:00:00Z" })
  yield* TestClock.adjust(day)
  yield* Look.write({ id: "b", type: "Lit", revision: 2, payload: { lumen: 1 } })
  yield* Look.write({ id: "a", type: "Dusted" }, { id: "a", type: "Lit", revision: 2, payload: { lumen: 7 } })
})

const shown = Effect.fnUntraced(function*(...line: ReadonlyArray<string>) {
  const value = yield* Look.json(["stream", "show", ...line])
  return value as {
    readonly aggregate: string | null
    readonly earlier: number
    readonly events: ReadonlyArray<{
      readonly event: { readonly version: number; readonly position: number; readonly type: string }
      readonly readAs?: ReadonlyArray<string>
      readonly unreadable?: string
      readonly cause?: string
    }>
    readonly version: number | null
    readonly state: unknown
    readonly unfoldable?: string
  }
})

const versionsOf = ({ events }: Effect.Success<ReturnType<typeof shown>>) => events.map(({ event }) => event.version)

describe("stream show", () => {
  it.effect("shows the events, and the state that they come to", () =>
    Effect.gen(function*() {
      yield* filled
      const { code, stderr, stdout } = yield* Look.varve(["stream", "show", "Light/a"])
      assert.strictEqual(stderr, "")
      assert.strictEqual(code, 0)
      assert.strictEqual(
        stdout,
        [
          "version  position  recorded                  type     revision  payload",
          "      1         1  2026-01-30T12:00:00.000Z  Lit             1  {\"percent\":50}",
          "      2         2  2026-01-31T12:00:00.000Z  Carried         1  {\"room\":\"hall\"}  read as Moved",
          "      3         4  2026-02-01T12:00:00.000Z  Dusted          1  {}               read as nothing",
          "      4         5  2026-02-01T12:00:00.000Z  Lit             2  {\"lumen\":7}",
          "",
          "State of Lamp after version 4",
          "{\"lumen\":7,\"room\":\"hall\"}",
          ""
        ].join("\n")
      )
    }).pipe(Effect.provide(Look.layer)))

  it.effect("answers a program with all of it", () =>
    Effect.gen(function*() {
      yield* filled
      const { aggregate, earlier, events, state, version } = yield* shown("Light/a")
      assert.deepStrictEqual({ aggregate, earlier, state, version }, {
        aggregate: "Lamp",
        earlier: 0,
        version: 4,
        state: { lumen: 7, room: "hall" }
      })
      assert.deepStrictEqual(events.map(({ readAs }) => readAs), [["Lit"], ["Moved"], [], ["Lit"]])
      const carried: object = events[1]!.event
      assert.deepInclude(carried, { position: 2, type: "Carried", payload: { room: "hall" } })
    }).pipe(Effect.provide(Look.layer)))

  it.effect("goes back to any point", () =>
    Effect.gen(function*() {
      yield* filled
      const at = (point: string) =>
        Effect.map(shown("Light/a", "--at", point), (view) => [versionsOf(view), view.version, view.state])
      const lit = { lumen: 400, room: null }
      const carried = { lumen: 400, room: "hall" }
      assert.deepStrictEqual(yield* at("1"), [[1], 1, lit])
      assert.deepStrictEqual(yield* at("0"), [[], 0, { lumen: 0, room: null }])
      assert.deepStrictEqual(yield* at("99"), [[1, 2, 3, 4], 4, { lumen: 7, room: "hall" }])
      assert.deepStrictEqual(yield* at("position:3"), [[1, 2], 2, carried])
      assert.deepStrictEqual(yield* at("2026-01-30"), [[1], 1, lit])
      assert.deepStrictEqual(yield* at("2026-01-31T11:59:59Z"), [[1], 1, lit])
      assert.deepStrictEqual(yield* at("2026-01-31T12:00:00Z"), [[1, 2], 2, carried])
      assert.deepStrictEqual(yield* at("occurred:2025-12-31"), [[2], 2, { lumen: 0, room: "hall" }])
      const early = yield* Look.varve(["stream", "show", "Light/a", "--at", "2025-01-01"])
      assert.strictEqual(early.code, 0)
      assert.match(early.stdout, /^Light\/a had no events as the store had it at 2025-01-01T23:59:59\.999Z\n/)
    }).pipe(Effect.provide(Look.layer)))

  it.effect("shows the newest ones, and says so", () =>
    Effect.gen(function*() {
      yield* filled
      const view = yield* shown("Light/a", "--limit", "2")
      assert.deepStrictEqual(versionsOf(view), [3, 4])
      assert.strictEqual(view.earlier, 2)
      assert.deepStrictEqual(view.state, { lumen: 7, room: "hall" })
      const before = yield* shown("Light/a", "--limit", "1", "--at", "2026-01-31")
      assert.deepStrictEqual([versionsOf(before), before.earlier], [[2], 1])
      const people = yield* Look.varve(["stream", "show", "Light/a", "--limit", "2"])
      assert.match(people.stderr, /^Versions up to 2 are left out\. See --limit\n$/)
      yield* Look.write(...Array.from({ length: 1_500 }, () => ({ id: "long", type: "Darkened" })))
      const newest = Array.from({ length: 100 }, (_, i) => 1_401 + i)
      assert.deepStrictEqual(versionsOf(yield* shown("Light/long")), newest)
      assert.strictEqual(versionsOf(yield* shown("Light/long", "--limit", "1500")).length, 1_500)
      assert.deepStrictEqual(versionsOf(yield* shown("Light/long", "--at", "position:7", "--limit", "3")), [1, 2])
    }).pipe(Effect.provide(Look.layer)))

  it.effect("says what cannot be read, shows the rest, and ends with 1", () =>
    Effect.gen(function*() {
      yield* filled
      yield* Look.write(
        { id: "a", type: "Lit", payload: { percent: 101 } },
        { id: "a", type: "Lit", revision: 9, payload: { candela: 1 } },
        { id: "a", type: "Stolen", payload: { by: "the cat" } },
        { id: "a", type: "Lit", revision: 2, payload: { lumen: 1 } },
        { id: "a", type: "Darkened" }
      )
      const admin = yield* StoreAdmin.StoreAdmin
      yield* admin.erase({ stream: StreamName.make("Light", "a"), from: 8, to: 8 })
      const { code, stderr, stdout } = yield* Look.varve(["stream", "show", "Light/a"])
      assert.strictEqual(code, 1)
      assert.strictEqual(stderr, "")
      assert.deepStrictEqual(
        Look.rowsOf(stdout).slice(4, 9).map(([version, , , type, revision, payload, remark]) => [
          version,
          type,
          revision,
          payload,
          remark?.split(":")[0]
        ]),
        [
          ["5", "Lit", "1", "{\"percent\":101}", "InvalidPayload"],
          ["6", "Lit", "9", "{\"candela\":1}", "NewerRevision"],
          ["7", "Stolen", "1", "{\"by\":\"the cat\"}", "UnknownType"],
          ["8", "Lit", "2", "(erased)", "Erased"],
          ["9", "Darkened", "1", "{}", undefined]
        ]
      )
      assert.match(
        stdout,
        /No state: .*Lit, revision 1, at version 5 of Light\/a .*InvalidPayload: [^\\]+, at \["percent"\]\n/
      )
      const view = yield* shown("Light/a")
      assert.deepStrictEqual(view.events.map(({ unreadable }) => unreadable).slice(4), [
        "InvalidPayload",
        "NewerRevision",
        "UnknownType",
        "Erased",
        undefined
      ])
      assert.strictEqual(view.state, null)
      assert.match(view.unfoldable!, /at version 5/)
      // Up to there it can be read.
      const before = yield* Look.varve(["stream", "show", "Light/a", "--at", "4"])
      assert.strictEqual(before.code, 0)
    }).pipe(Effect.provide(Look.layer)))

  it.effect("shows a stream that no aggregate has, and keeps tenants apart", () =>
    Effect.gen(function*() {
      yield* filled
      yield* Look.write({ id: "x", type: "Opened", category: "Door" }, { id: "a", type: "Darkened", tenant: "acme" })
      const door = yield* Look.varve(["stream", "show", "Door/x"])
      assert.strictEqual(door.code, 0)
      assert.include(door.stdout, "No aggregate of the project has this category")
      // The category that they are stored under is not the name of the aggregate.
      const name = yield* Look.varve(["stream", "show", "Lamp/a"])
      assert.deepStrictEqual(name, {
        code: 2,
        stdout: "",
        stderr: "varve: stream Lamp/a: expected events, got none\n"
      })
      const other = yield* shown("Light/a", "--tenant", "acme")
      assert.deepStrictEqual([versionsOf(other), other.state], [[1], { lumen: 0, room: null }])
    }).pipe(Effect.provide(Look.layer)))

  it.effect("cuts payloads for people, unless they want all", () =>
    Effect.gen(function*() {
      const room = `${"r".repeat(80)}\u001B[2J`
      yield* Look.write({ id: "a", type: "Moved", payload: { room } })
      const { stdout } = yield* Look.varve(["stream", "show", "Light/a"])
      assert.match(stdout, /\{"room":"r{50}…$/m)
      const full = yield* Look.varve(["stream", "show", "Light/a", "--full"])
      assert.include(full.stdout, `${"r".repeat(80)}\\u001b[2J"}`)
      assert.notInclude(stdout + full.stdout, "\u001B")
      const coloured = yield* Look.varve(["stream", "show", "Light/a"], { canColor: true })
      assert.include(coloured.stdout, "\u001B[1mState of Lamp")
    }).pipe(Effect.provide(Look.layer)))
})
