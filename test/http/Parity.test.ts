import { assert, describe, it } from "@effect/vitest"
import { Aggregate, CommitId, type Projection } from "@varve/core"
import { Balances } from "@varve/example-bank/Balances"
import { Bank } from "@varve/example-bank/Bank"
import { BankAccount, Close, Deposit, Id, InsufficientFunds, Open, Withdraw } from "@varve/example-bank/BankAccount"
import { DateTime, Effect, Option, Stream } from "effect"
import { Add, Book, IsLent, Lend, Library, Readers, Return, Shelf, TooHeavy, Unknown } from "./Library.ts"
import { here, there } from "./OverHttp.ts"

/** What two runs have in common: ids and times are other ones. */
const plain = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (_, inner: unknown) => {
      if (inner instanceof Map) return Array.from(inner)
      return Object.is(inner, undefined)
        ? null
        : typeof inner === "number" && !Number.isFinite(inner)
        ? String(inner)
        : inner
    })
      .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, "<id>")
      .replaceAll(/(1970|2026)-\d\d-\d\dT[0-9:.]+Z/g, "<time>")
  )

/** What came of one call after the other. */
const transcript = <C extends { readonly [call: string]: Effect.Effect<unknown, unknown, any> }>(calls: C) =>
  Effect.map(
    Effect.forEach(Object.entries(calls), ([call, effect]) =>
      Effect.match(effect, {
        onSuccess: (value): [string, Outcome] => [call, { value: plain(value) }],
        onFailure: (error) => [call, { error: plain(error) }]
      })),
    (outcomes): { readonly [call: string]: Outcome } => Object.fromEntries(outcomes)
  ) as Effect.Effect<{ readonly [call: string]: Outcome }, never, Effect.Services<C[keyof C]>>

type Outcome = { readonly value: unknown } | { readonly error: unknown }

const ada = Id.make("ada")
const euros = (cents: number) => ({ cents, currency: "EUR" as const })

const banking = transcript({
  "load before any event": BankAccount.load(ada),
  "rejection": BankAccount.execute(ada, Withdraw.make(euros(1))),
  "open": BankAccount.execute(ada, Open.make({ owner: "Ada", currency: "EUR" })),
  "deposit": BankAccount.execute(ada, Deposit.make(euros(500))),
  "another currency": BankAccount.execute(ada, Deposit.make({ cents: 1, currency: "USD" })),
  "too much": BankAccount.execute(ada, Withdraw.make(euros(501))),
  "another version": BankAccount.execute(ada, Withdraw.make(euros(1)), { expected: 1 }),
  "this version": BankAccount.execute(ada, Withdraw.make(euros(1)), { expected: 2 }),
  "load": BankAccount.load(ada),
  "load a version": BankAccount.load(ada, { at: { version: 1 } }),
  "load a position": BankAccount.load(ada, { at: { position: 2 } }),
  "load before history": BankAccount.load(ada, { at: { occurredAt: DateTime.makeUnsafe("1999-12-31T23:59:59Z") } }),
  "history": Stream.runCollect(BankAccount.history(ada)),
  "difference": BankAccount.diff(ada, { from: { version: 1 } }),
  "row": Balances.get("ada"),
  "no row": Balances.get("nobody"),
  "rows": Balances.getMany(["ada", "nobody"]),
  "list": Balances.list({ index: "richest", where: { currency: "EUR" }, from: 100, limit: 10 }),
  "list backward": Balances.list({ direction: "backward" }),
  "no list": Balances.list({ index: "richest", where: { currency: "EUR" }, to: 1 }),
  "count": Balances.count({ from: "a", to: "b" }),
  "as of a position": Effect.flatMap(
    Balances.asOf({ position: 2 }),
    (then) => Effect.all([then.get("ada"), then.list(), then.count()])
  ),
  "touches": Stream.runCollect(Balances.history("ada")),
  "row's difference": Balances.diff("ada", { from: { position: 1 }, to: { position: 3 } }),
  "caught up": Balances.whenCaughtUp(),
  "after": Balances.get("ada", { after: 3 }),
  "after the future": Effect.map(
    Effect.flip(Balances.get("ada", { after: 99, timeout: 0 })),
    ({ reason }) => [reason._tag, reason]
  ),
  "close with money in it": BankAccount.execute(ada, Close.make({})),
  "empty it": BankAccount.execute(ada, Withdraw.make(euros(499))),
  "close": BankAccount.execute(ada, Close.make({})),
  "close again": BankAccount.execute(ada, Close.make({})),
  "gone": Balances.get("ada")
})

const due = DateTime.makeUnsafe("2024-02-29T12:00:00.123Z")
const withoutDue = { due: undefined } as {}

/** Ids and keys that a path has a meaning for, or cannot hold. */
export const oddKeys = [
  ".",
  "..",
  "...",
  "~",
  "~.",
  "~~",
  "/",
  "a/b",
  "//",
  "%",
  "%2e",
  "%2E%2E",
  "%2F",
  "?",
  "#",
  "a?b#c",
  " ",
  "a b",
  "+",
  "a+b",
  "count",
  "history",
  "live",
  "many",
  "undefined",
  "null",
  "žluťoučký kůň",
  "日本",
  "👩‍🚀",
  "\\",
  "a\\b",
  ":",
  ";",
  "&=",
  "\"",
  "'",
  "*",
  "x".repeat(400)
]

const lending = transcript({
  "too heavy": Book.execute("a", Add.make({ title: "Atlas", weight: 101 })),
  "weightless": Book.execute("b", Add.make({ title: "true", weight: -0.5 })),
  "infinitely light": Book.execute("c", Add.make({ title: "12", weight: Number.NEGATIVE_INFINITY })),
  "unknown": Book.execute("x", Lend.make({ to: "Ada", due })),
  "lent": Book.execute("b", Lend.make({ to: "Ada", due, note: "ring twice" })),
  "lent for ever": Book.execute("c", Lend.make({ to: "Bob", due: null })),
  "is lent": Book.execute("b", Lend.make({ to: "Bob", due: null })),
  "state": Book.load("b"),
  "history": Stream.runCollect(Book.history("b")),
  "a boolean and a time": Shelf.list({ index: "byLoan", where: { isLent: true }, from: due }),
  "nothing": Shelf.list({ index: "byLoan", where: { isLent: true, due: null } }),
  "up to nothing": Shelf.list({ index: "byLoan", where: { isLent: true }, to: null }),
  "a text like a number": Shelf.list({ index: "byTitle", where: { title: "12" } }),
  "a text like a boolean": Shelf.list({ index: "byTitle", from: "true", to: "true" }),
  "a number that JSON has none of": Shelf.list({ index: "byWeight", to: Number.NEGATIVE_INFINITY }),
  "back": Book.execute("b", Return.make({})),
  "back already": Book.execute("b", Return.make({})),
  "without the field": Shelf.list({ index: "byLoan", where: { isLent: false, ...withoutDue } }),
  "touches": Stream.runCollect(Shelf.history("b")),
  ...Object.fromEntries(oddKeys.map((key) => [
    `key ${key}`,
    Effect.gen(function*() {
      yield* Book.execute(key, Add.make({ title: key, weight: 1 }))
      yield* Book.execute(key, Lend.make({ to: key, due: null }))
      return [
        yield* Book.load(key),
        yield* Shelf.get(key),
        yield* Readers.get(key),
        yield* Readers.getMany([key]),
        yield* Readers.list({ from: key, to: key }),
        yield* Shelf.count({ index: "byTitle", where: { title: key } })
      ]
    })
  ])),
  "pages": Effect.gen(function*() {
    const pages: Array<unknown> = []
    let cursor: string | undefined
    do {
      const page: Projection.Listed<unknown> = yield* Readers.list({
        limit: 7,
        ...(cursor !== undefined && { cursor })
      })
      pages.push(page.rows)
      cursor = Option.getOrUndefined(page.next)
    } while (cursor !== undefined)
    return pages
  })
})

/** Reasons that say the same in other words: what is looked at first differs. */
const reasonsOnly = transcript({
  "no key": Effect.map(Effect.flip(Readers.get("")), ({ reason }) => reason._tag),
  "a lone surrogate": Effect.map(Effect.flip(Readers.get("\uD800")), ({ reason }) => reason._tag),
  "an id of one": Effect.map(
    Effect.flip(Book.execute("\uD800", Return.make({}))),
    (error) => error._tag === "ExecutionError" && error.reason._tag
  ),
  "a control character": Effect.map(
    Effect.flip(Book.execute("\u0000", Add.make({ title: "", weight: 1 }))),
    (error) => error._tag === "ExecutionError" && error.reason._tag
  ),
  "too long a key": Effect.map(Effect.flip(Readers.get("x".repeat(513))), ({ reason }) => reason._tag),
  "too many rows": Effect.map(Effect.flip(Readers.list({ limit: 1_001 })), ({ reason }) => reason._tag),
  "no rows": Effect.map(Effect.flip(Readers.list({ limit: 0 })), ({ reason }) => reason._tag),
  "another's cursor": Effect.map(Effect.flip(Readers.list({ cursor: "x" })), ({ reason }) => reason._tag),
  "an index that is not there": Effect.map(
    Effect.flip(Readers.list({ index: "byName" as never })),
    ({ reason }) => reason._tag
  ),
  "a position before all": Effect.map(Effect.flip(Readers.get("a", { after: -1 })), ({ reason }) => reason._tag),
  "another store": Effect.map(
    Effect.flip(Readers.get("a", { after: { storeId: "another", last: 1 as never } })),
    ({ reason }) => reason._tag
  ),
  "too many events": Effect.map(
    Effect.flip(Effect.flatMap(Shelf.asOf({ position: 9 }, { limit: 1 }), (then) => then.count())),
    ({ reason }) => reason._tag
  ),
  "a version before all": Effect.map(Effect.flip(Book.load("a", { at: { version: -1 } })), ({ reason }) => reason._tag)
})

describe("The calls of a domain", () => {
  it.live("of the bank come to the same over HTTP", () =>
    Effect.gen(function*() {
      const local = yield* Effect.provide(banking, here(Bank))
      const remote = yield* Effect.provide(banking, there(Bank, here(Bank)))
      assert.deepStrictEqual(remote, local)
      // What is compared is what is meant.
      assert.deepStrictEqual(local["too much"], {
        error: { _tag: "InsufficientFunds", balance: 500, requested: 501 }
      })
      assert.strictEqual((local.touches as { value: Array<unknown> }).value.length, 3)
    }))

  it.live("of the library come to the same over HTTP, whatever its keys are", () =>
    Effect.gen(function*() {
      const program = Effect.all([lending, reasonsOnly])
      const local = yield* Effect.provide(program, here(Library))
      const remote = yield* Effect.provide(program, there(Library, here(Library)))
      assert.deepStrictEqual(remote, local)
      for (const [call, result] of Object.entries(local[1])) {
        assert.deepStrictEqual(result, { value: call === "too many events" ? "TooManyEvents" : "Refused" })
      }
    }))

  it.live("fail with instances of what they declare", () =>
    Effect.gen(function*() {
      yield* BankAccount.execute(ada, Open.make({ owner: "Ada", currency: "EUR" }))
      const error = yield* Effect.flip(BankAccount.execute(ada, Withdraw.make(euros(1))))
      assert.instanceOf(error, InsufficientFunds)
      const conflict = yield* Effect.flip(BankAccount.execute(ada, Withdraw.make(euros(1)), { expected: 7 }))
      assert.instanceOf(conflict, Aggregate.ExecutionError)
    }).pipe(Effect.provide(there(Bank, here(Bank)))))

  it.live("give rejections their fields and messages back", () =>
    Effect.gen(function*() {
      const heavy = yield* Effect.flip(Book.execute("a", Add.make({ title: "Atlas", weight: 101 })))
      assert.instanceOf(heavy, TooHeavy)
      assert.strictEqual((heavy as TooHeavy).message, "A book of 101 kg")
      assert.instanceOf(yield* Effect.flip(Book.execute("a", Lend.make({ to: "Ada", due }))), Unknown)
      yield* Book.execute("a", Add.make({ title: "A", weight: 1 }))
      yield* Book.execute("a", Lend.make({ to: "Ada", due }))
      const lent = yield* Effect.flip(Book.execute("a", Lend.make({ to: "Bob", due })))
      assert.deepStrictEqual((lent as IsLent).due, due)
    }).pipe(Effect.provide(there(Library, here(Library)))))

  it.live("take a commit id as their key, for ever", () =>
    Effect.gen(function*() {
      const commitId = yield* CommitId.generate
      const open = BankAccount.execute(ada, Open.make({ owner: "Ada", currency: "EUR" }), { commitId })
      const first = yield* open
      yield* BankAccount.execute(ada, Deposit.make(euros(5)))
      const again = yield* open
      assert.isTrue(Option.getOrThrow(again.receipt).replayed)
      assert.strictEqual(Option.getOrThrow(again.receipt).commitId, Option.getOrThrow(first.receipt).commitId)
      assert.strictEqual(again.version, 1)
      const other = BankAccount.execute(ada, Open.make({ owner: "Bob", currency: "EUR" }), { commitId })
      const refused = yield* Effect.flip(other)
      assert.strictEqual(refused._tag === "ExecutionError" && refused.reason._tag, "Refused")
    }).pipe(Effect.provide(there(Bank, here(Bank)))))

  it.live("are found under other paths where both are told so", () =>
    Effect.gen(function*() {
      yield* BankAccount.execute(ada, Open.make({ owner: "Ada", currency: "EUR" }))
      assert.isTrue(Option.isSome(yield* Balances.get("ada")))
    }).pipe(Effect.provide(there(Bank, here(Bank), {
      paths: { BankAccount: "accounts", Balances: "money" },
      commands: { BankAccount: { Open: "begin" } }
    }))))
})
