/** `varve projection`: what runs behind checkpoints, from the outside. */
import { assert, describe, it } from "@effect/vitest"
import { Event, Projection, Rebuild, RowStore, Status, Subscription } from "@varve/core"
import { Effect, Schema, Stream } from "effect"
import { Brightness, Counts, Lit, OldBrightness } from "./look/Lamps.ts"
import * as Look from "./look/Look.ts"

const built = (projection: Projection.Any) => Stream.runDrain(Rebuild.build(projection))

/** Two lamps, and the rows that they were folded into before. */
const filled = Effect.gen(function*() {
  yield* Look.write(
    { id: "a", type: "Lit", revision: 2, payload: { lumen: 5 } },
    { id: "b", type: "Lit", revision: 2, payload: { lumen: 1 } },
    { id: "a", type: "Lit", revision: 2, payload: { lumen: 7 } },
    { id: "c", type: "Darkened" }
  )
  yield* built(OldBrightness)
})

/** One of a key waits behind one that failed. */
const parking = Effect.gen(function*() {
  yield* filled
  yield* Look.write(
    { id: "a", type: "Lit", revision: 2, payload: { lumen: 666 } },
    { id: "a", type: "Lit", revision: 2, payload: { lumen: 8 } },
    { id: "b", type: "Lit", revision: 2, payload: { lumen: 2 } },
    { id: "x", type: "Lit", revision: 2, payload: { lumen: 666 }, tenant: "acme" }
  )
  yield* built(Brightness)
})

const ok = Effect.fnUntraced(function*(...line: ReadonlyArray<string>) {
  const { code, stderr, stdout } = yield* Look.varve(["projection", ...line])
  assert.strictEqual(stderr, "", line.join(" "))
  assert.strictEqual(code, 0)
  return stdout
})

const refused = Effect.fnUntraced(function*(line: ReadonlyArray<string>, message: RegExp) {
  const { code, stderr, stdout } = yield* Look.varve(["projection", ...line])
  assert.strictEqual(stdout, "")
  assert.match(stderr, message)
  assert.strictEqual(stderr.trimEnd().split("\n").length, 1)
  assert.strictEqual(code, 2)
})

const json = (...line: ReadonlyArray<string>) => Look.json(["projection", ...line])

/** What is in the store of each, by name and revision. */
const states = Effect.map(
  Status.all,
  (all) => all.map(({ name, revision, serving, state }) => `${name}@${revision} ${state}${serving ? " serving" : ""}`)
)

class Mails extends Subscription.make("Brightness", { events: [Lit] }) {}

describe("projection list and status", () => {
  it.effect("tell how everything is doing", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* ok("list"), "Nothing was run in this store\n")
      assert.deepStrictEqual(yield* json("list"), [])
      yield* parking
      assert.deepStrictEqual(
        Look.rowsOf(yield* ok("list")).map((row) => row.slice(0, 8)),
        [
          ["Brightness", "1", "projection", "async", "running", "yes", "4", "4"],
          ["Brightness", "2", "projection", "async", "running", "no", "8", "0"]
        ]
      )
      const listed = yield* json("list")
      const decoded = Schema.decodeUnknownSync(Schema.toCodecJson(Schema.Array(Status.Status)))(listed)
      assert.deepStrictEqual(decoded, yield* Status.all)
      const one = yield* ok("status", "Brightness@2")
      assert.match(one, /3 parked, under 2 keys/)
      assert.match(one, /last failure: Lit at position \d, key \w, 1 attempt, .*too bright\\nfor this\\u001b\[31m row/)
      assert.strictEqual((one.match(/^ +\d {2,}\d+ {2,}nobody/gm) ?? []).length, 4)
      const both = yield* json("status", "Brightness")
      assert.deepStrictEqual(both, listed)
    }).pipe(Effect.provide(Look.layer)))

  it.effect("say what there is when the name is wrong", () =>
    Effect.gen(function*() {
      yield* refused(
        ["status", "Brightness"],
        /^varve: projection or subscription: expected one that was run .*none was/
      )
      yield* filled
      yield* refused(
        ["status", "Brigthness"],
        /^varve: projection or subscription: expected one of Brightness, got Brig/
      )
      yield* refused(["status", "Brightness@7"], /^varve: revision of Brightness: expected one that .* \(1\), got 7$/m)
      const { code, stderr } = yield* Look.varve(["projection", "status", "Brightness@x"])
      assert.strictEqual(code, 2)
      assert.match(stderr, /Balances@2/)
    }).pipe(Effect.provide(Look.layer)))

  it.effect("ask which one where a projection and a subscription have one name", () =>
    Effect.gen(function*() {
      yield* filled
      const rows = yield* RowStore.RowStore
      yield* rows.open({ target: { kind: "subscription", name: Mails.tag, revision: 1 }, mode: "async" })
      yield* refused(["pause", "Brightness"], /expected --kind projection or --kind subscription, got neither/)
      yield* ok("pause", "Brightness", "--kind", "subscription")
      assert.deepStrictEqual(
        (yield* Status.all).map(({ kind, state }) => `${kind} ${state}`),
        ["projection running", "subscription paused"]
      )
    }).pipe(Effect.provide(Look.layer)))
})

describe("projection pause and resume", () => {
  it.effect("are about the revision that serves, unless one is named", () =>
    Effect.gen(function*() {
      yield* parking
      assert.strictEqual(yield* ok("pause", "Brightness"), "Brightness, revision 1, is paused\n")
      assert.deepStrictEqual(yield* states, ["Brightness@1 paused serving", "Brightness@2 running"])
      yield* ok("pause", "Brightness@2")
      yield* ok("resume", "Brightness")
      assert.deepStrictEqual(yield* states, ["Brightness@1 running serving", "Brightness@2 paused"])
      assert.deepStrictEqual(yield* json("resume", "Brightness@2"), {
        kind: "projection",
        name: "Brightness",
        revision: 2,
        running: true
      })
    }).pipe(Effect.provide(Look.layer)))
})

describe("projection parked, retry and skip", () => {
  it.effect("show what failed, try it again, and give it up", () =>
    Effect.gen(function*() {
      yield* parking
      const name = "Brightness@2"
      const rows = Look.rowsOf(yield* ok("parked", name))
      assert.deepStrictEqual(rows.map(([key, position, type, attempts]) => [key, position, type, attempts]), [
        ["a", "5", "Lit", "1"],
        ["a", "6", "Lit", "0"],
        ["x@acme", "8", "Lit", "1"]
      ])
      assert.strictEqual(rows[0]![5], "too bright\\nfor this\\u001b[31m row")
      assert.strictEqual(rows[1]![5], "waits behind another")
      assert.strictEqual(Look.rowsOf(yield* ok("parked", name, "--key", "a", "--limit", "1")).length, 1)
      assert.deepStrictEqual(
        (yield* json("parked", name, "--key", "x", "--tenant", "acme") as Effect.Effect<ReadonlyArray<object>>).length,
        1
      )
      assert.strictEqual(yield* ok("parked", name, "--key", "x"), "Nothing is parked\n")

      yield* ok("retry", name, "a")
      const dueOf = Effect.map(
        Status.parked({ kind: "projection", name: "Brightness", revision: 2 }),
        (parked) => parked.map(({ due, key, position }) => `${key} ${position}${due ? " due" : ""}`)
      )
      assert.deepStrictEqual(yield* dueOf, ["a 5 due", "a 6 due", "x 8"])
      assert.match(yield* ok("parked", name), /to be tried again/)
      yield* refused(["retry", name, "b"], /expected a parked event, got none$/m)
      yield* refused(["retry", name, "x"], /expected a parked event, got none$/m)

      yield* refused(["skip", name, "a"], /gives up Lit at position 5 of key a: expected --yes, .* got no leave$/m)
      yield* ok("skip", name, "a", "--yes")
      assert.deepStrictEqual(yield* dueOf, ["a 6 due", "x 8"])
      yield* ok("skip", name, "x", "--tenant", "acme", "-y")
      assert.deepStrictEqual(yield* dueOf, ["a 6 due"])
      yield* refused(["skip", name, "nobody"], /expected a parked event, got none$/m)
    }).pipe(Effect.provide(Look.layer)))
})

describe("projection rebuild, switch, rollback and drop", () => {
  it.effect("build beside what serves, compare, switch, go back, and clear away", () =>
    Effect.gen(function*() {
      yield* filled
      const told = yield* ok("rebuild", "Brightness")
      assert.match(told, /^Brightness, revision 2, is built up to position 4: 4 events in \d/)
      assert.include(
        told,
        [
          "revision 1: 3 rows at position 4",
          "revision 2: 3 rows at position 4",
          "3 rows compared: 2 equal, 1 different",
          "a",
          "  revision 1: 2",
          "  revision 2: 7",
          "Readers have it after: varve projection switch Brightness",
          ""
        ].join("\n")
      )
      assert.deepStrictEqual(yield* states, ["Brightness@1 running serving", "Brightness@2 running"])
      // What is built is not built again.
      assert.match(yield* ok("rebuild", "Brightness", "--no-compare"), /: 0 events in [^]*\nReaders have it after/)

      assert.strictEqual(yield* ok("switch", "Brightness"), "Readers have the rows of Brightness, revision 2\n")
      assert.deepStrictEqual(yield* states, ["Brightness@1 running", "Brightness@2 running serving"])
      assert.match(
        yield* ok("rollback", "Brightness"),
        /^Readers have the rows of Brightness, revision 1\. .* paused$/m
      )
      assert.deepStrictEqual(yield* states, ["Brightness@1 running serving", "Brightness@2 paused"])
      yield* refused(["rollback", "Brightness"], /expected one before the one that serves/)

      yield* ok("resume", "Brightness@2")
      const program = yield* json("rebuild", "Brightness", "--switch", "--sample", "10")
      assert.deepInclude(program, { name: "Brightness", revision: 2, position: 4, events: 0, serving: true })
      assert.deepInclude((program as { readonly comparison: object }).comparison, {
        examined: 3,
        differing: [{ tenant: "", key: "a", left: 2, right: 7 }]
      })

      yield* refused(["drop", "Brightness"], /^varve: what to drop: expected a revision, Brightness@1/)
      yield* refused(["drop", "Brightness@1"], /expected --yes, for it cannot be undone, got no leave$/m)
      yield* refused(["drop", "Brightness@2", "--yes"], /serve/)
      assert.strictEqual(yield* ok("drop", "Brightness@1", "--yes"), "Brightness, revision 1, is gone\n")
      assert.deepStrictEqual(yield* states, ["Brightness@2 running serving"])
    }).pipe(Effect.provide(Look.layer)))

  it.effect("are about what the project has", () =>
    Effect.gen(function*() {
      yield* filled
      yield* refused(["rebuild", "Balances"], /^varve: projection: expected one of Brightness, Counts, got Balances$/m)
      yield* refused(["rebuild", "Brightness@1"], /^varve: revision of Brightness: expected 2, .* got 1$/m)
      yield* refused(["switch", "Brightness"], /expected an entry in the store, got none$/m)
      // Tables of its own have no rows to compare.
      const custom = yield* ok("rebuild", Counts.tag)
      assert.match(custom, /^Counts, revision 1, is built up to position 4: 3 events in .*\nReaders have it\n$/)
    }).pipe(Effect.provide(Look.layer)))

  it.effect("drop what the project does not have any more", () =>
    Effect.gen(function*() {
      class Gone extends Event.make("Gone", {}) {}
      class Forgotten extends Projection.make("Forgotten", { row: Schema.Int, events: [Gone] }).fold({
        on: { Gone: () => 1 }
      }) {}
      yield* built(Forgotten)
      yield* ok("drop", "Forgotten@1", "--yes")
      assert.deepStrictEqual(yield* states, [])
    }).pipe(Effect.provide(Look.layer)))
})
