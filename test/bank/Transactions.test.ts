import { assert, describe, it } from "@effect/vitest"
import { type BadLine, type Line, lines, longestBytes } from "@varve/example-bank/Lines"
import { fields, parse, Transaction } from "@varve/example-bank/Transactions"
import { DateTime, Effect, Result, Schema, Stream } from "effect"

const line = (overrides: Partial<Record<string, string>> = {}) =>
  Object.values({
    trans_id: "695247",
    account_id: "2378",
    date: "930101",
    type: "\"PRIJEM\"",
    operation: "\"VKLAD\"",
    amount: "700.00",
    balance: "700.00",
    k_symbol: "\"\"",
    bank: "",
    account: "",
    ...overrides
  }).join(";")

const reason = (text: string): string => {
  const parsed = parse({ number: 3, text })
  if (Result.isSuccess(parsed)) throw new Error(`a transaction: ${text}`)
  assert.strictEqual(parsed.failure.number, 3)
  return parsed.failure.reason
}

describe("a line", () => {
  it("becomes a transaction", () => {
    assert.deepStrictEqual(Result.getOrThrow(parse({ number: 2, text: line() })), {
      trans_id: "695247",
      account_id: "2378" as never,
      date: DateTime.makeUnsafe("1993-01-01T00:00:00Z"),
      type: "PRIJEM",
      operation: "VKLAD",
      amount: 70_000,
      balance: 70_000,
      k_symbol: "",
      bank: "",
      account: ""
    })
  })

  it.each([
    ["0.01", 1],
    ["0.1", 10],
    ["19.99", 1_999],
    ["1.10", 110],
    ["4503599627.37", 450_359_962_737],
    ["9999999999.99", 999_999_999_999]
  ])("an amount of %s is %s cents exactly", (amount, cents) => {
    assert.strictEqual(Result.getOrThrow(parse({ number: 2, text: line({ amount }) })).amount, cents)
  })

  it.each([["-0.05", -5], ["-1234.5", -123_450], ["0.00", 0]])("a balance of %s is %s cents", (balance, cents) => {
    assert.strictEqual(Result.getOrThrow(parse({ number: 2, text: line({ balance }) })).balance, cents)
  })

  it.each(["0", "0.00", "-1", "1,5", "1.234", "abc", "", " 1", "1e3", "Infinity", "0x10", "99999999999"])(
    "an amount of %j is bad",
    (amount) => assert.match(reason(line({ amount })), /^amount: expected an amount above 0/)
  )

  it.each(["930229", "931301", "930100", "000101", "19930101", "", "9301O1"])(
    "a date of %j is bad",
    (date) => assert.match(reason(line({ date })), /^date: expected a day of the 1990s as YYMMDD, got /)
  )

  it.each([
    ["type", { type: "\"prijem\"" }],
    ["account_id", { account_id: "" }],
    ["account_id", { account_id: "../7" }],
    ["trans_id", { trans_id: "x" }],
    ["balance", { balance: "much" }]
  ])("a bad %s is named", (column, overrides) => {
    assert.isTrue(reason(line(overrides)).startsWith(`${column}: expected `), reason(line(overrides)))
  })

  it("has ten fields and whole quotes", () => {
    assert.strictEqual(reason("1;2;3"), "expected 10 fields, got 3")
    assert.strictEqual(reason(`${line()};`), "expected 10 fields, got 11")
    assert.match(reason(line({ operation: "\"VKLAD" })), /^expected quotes around whole fields/)
    assert.match(reason(line({ operation: "VK\"LAD" })), /^expected quotes around whole fields/)
  })

  it("quotes what it does not understand, shortly", () => {
    assert.isBelow(reason(line({ amount: "9".repeat(4_000) })).length, 200)
  })

  it("may have semicolons and quotes inside of quotes", () => {
    assert.deepStrictEqual(fields("\"a;b\";\"say \"\"x\"\"\";;"), ["a;b", "say \"x\"", "", ""])
  })

  const { amount, balance, date } = Transaction.fields
  const Money = Schema.Struct({ amount, balance })

  it.prop("reads back the money that it writes", [Money], ([value]) => {
    // Longer numbers than the list has columns for are refused, when they are written or when they are read.
    const read = Result.flatMap(Schema.encodeResult(Money)(value), (text) => Schema.decodeUnknownResult(Money)(text))
    if (value.amount < 1_000_000_000_000 && Math.abs(value.balance) < 1_000_000_000_000_000) {
      // Text knows no zero below zero.
      assert.deepStrictEqual(Result.getOrThrow(read), { amount: value.amount, balance: value.balance + 0 })
    } else assert.isTrue(Result.isFailure(read))
  })

  it("reads back every day of the 1990s", () => {
    const first = DateTime.makeUnsafe("1990-01-01T00:00:00Z")
    for (let day = 0; day < 3_652; day++) {
      const text = Schema.encodeSync(date)(DateTime.add(first, { days: day }))
      assert.deepStrictEqual(Schema.decodeSync(date)(text), DateTime.add(first, { days: day }))
    }
  })
})

describe("lines", () => {
  const cut = (bytes: Uint8Array, chunk: number) => {
    const chunks: Array<Uint8Array> = []
    for (let at = 0; at < bytes.length; at += chunk) chunks.push(bytes.subarray(at, at + chunk))
    return Effect.map(
      Stream.runCollect(lines(Stream.fromIterable(chunks))),
      (found) =>
        found.map((one: Result.Result<Line, BadLine>) =>
          Result.isSuccess(one) ? `${one.success.number} ${one.success.text}` : one.failure.message
        )
    )
  }

  const file = Buffer.concat([
    Buffer.from("\uFEFFhead\r\nčeština\n\n"),
    Buffer.from([0xFF, 0xFE, 0x0A]),
    Buffer.from("a\u0000b\n"),
    Buffer.alloc(longestBytes, "x"),
    Buffer.from("\n"),
    Buffer.alloc(longestBytes + 1, "x"),
    Buffer.from("\nlast")
  ])

  it.effect.each([1, 7, 4_096, 100_000])("are the same in chunks of %s bytes", (chunk) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* cut(file, chunk), [
        "1 head",
        "2 čeština",
        "line 3: expected a transaction, got an empty line",
        "line 4: expected text in UTF-8, got other bytes",
        "line 5: expected text, got the control character U+0000 at column 2",
        `6 ${"x".repeat(longestBytes)}`,
        `line 7: expected at most ${longestBytes} bytes, got ${longestBytes + 1}`,
        "8 last"
      ])
    }))

  it.effect("of an empty file are none", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* cut(Buffer.from(""), 1), [])
      assert.deepStrictEqual(yield* cut(Buffer.from("a\n"), 1), ["1 a"])
    }))
})
