import { assert, describe, it } from "@effect/vitest"
import { Command, Decision } from "@varve/core"
import { Result, Schema } from "effect"

class Withdraw extends Command.make("Withdraw", { cents: Schema.Int.check(Schema.isGreaterThan(0)) }) {}
class Close extends Command.make("Close") {}

describe("Command", () => {
  it("is a tag and a schema, and builds plain objects", () => {
    assert.strictEqual(Withdraw.tag, "Withdraw")
    assert.strictEqual(Withdraw.name, "Withdraw")
    const command = Withdraw.make({ cents: 40 })
    assert.deepStrictEqual(command, { _tag: "Withdraw", cents: 40 })
    assert.strictEqual(Object.getPrototypeOf(command), Object.prototype)
    assert.deepStrictEqual(Close.make({}), { _tag: "Close" })
    assert.isTrue(Schema.is(Withdraw.schema)(command))
    assert.isFalse(Schema.is(Withdraw.schema)(Close.make({})))
  })

  it("says which command and which field does not fit", () => {
    assert.throws(() => Withdraw.make({ cents: 0 }), /^Command Withdraw: (?!.*\[object Object\])[^]*greater than 0/)
    assert.throws(() => Withdraw.make({} as never), /^Command Withdraw: [^]*cents/)
  })

  it("refuses a name that cannot be stored", () => {
    assert.throws(() => Command.make("no name"), "Command \"no name\": expected a letter")
  })
})

describe("Decision", () => {
  it("is a Result: events, none, or a rejection", () => {
    assert.deepStrictEqual<Decision.Decision<number>>(Decision.accept(1, 2), Result.succeed([1, 2]))
    assert.deepStrictEqual(Decision.ignore, Result.succeed([]))
    assert.deepStrictEqual(Decision.reject("no"), Result.fail("no"))
  })

  it("composes as a Result does", () => {
    const both = Result.gen(function*() {
      const first = yield* Decision.accept("a")
      const second = yield* Decision.accept("b", "c")
      return [...first, ...second]
    })
    assert.deepStrictEqual(both, Result.succeed(["a", "b", "c"]))
    const rejected = Result.gen(function*() {
      yield* Decision.accept("a")
      return yield* Decision.reject("no")
    })
    assert.deepStrictEqual(rejected, Result.fail("no"))
  })
})
