import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import * as compiler from "./compiler.ts"

let opened: ReturnType<typeof compiler.open>
beforeAll(() => {
  opened = compiler.open()
})
afterAll(() => opened.close())

describe("what must compile, and what must not", () => {
  const files = readdirSync(import.meta.dirname, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.includes("test.ts") && !file.startsWith("."))

  it("is looked at", () => {
    assert.includeMembers(files, ["errors.ts", "hovers.ts", join("shapes", "transfer.ts")])
  })

  for (const file of files) {
    it(file, () => assert.deepStrictEqual(opened.errors(file), []))
  }
})

describe("a hover shows", () => {
  const hovers = {
    event: "{ readonly _tag: \"Deposited\"; readonly cents: number; }",
    revised: "Event<\"Deposited\", { readonly amount: Int; readonly note: optionalKey<String>; }, 2>",
    execute:
      "Effect<Executed<Active, Deposited | Withdrawn>, ExecutionError | InsufficientFunds, Instances<\"BankAccount\">>",
    deposit: "Effect<Executed<Active, Deposited | Withdrawn>, ExecutionError, Instances<\"BankAccount\">>",
    load: "Effect<Loaded<Active>, ExecutionError, Instances<\"BankAccount\">>",
    get: "Effect<Option<Active>, ProjectionError, Rows<\"Balances\">>",
    list: "Effect<Listed<Active>, ProjectionError, Rows<\"Balances\">>",
    changes: "Stream<Change<Active>, ProjectionError, Rows<\"Balances\">>",
    view: "Effect<View<Active, { readonly richest: \"balance\"; }>, never, Rows<\"Balances\">>",
    history: "Stream<Touch<Active, Deposited>, ProjectionError, Rows<\"Balances\">>",
    rowDiff: "Effect<Difference<Option<Active>>, ProjectionError, Rows<\"Balances\">>",
    stateDiff: "Effect<Difference<Active>, ExecutionError, Instances<\"BankAccount\">>",
    evolved: "Stream<Evolved<Active, Deposited | Withdrawn>, ExecutionError, Instances<\"BankAccount\">>",
    domain:
      "Layer<Provided<readonly [typeof BankAccount], readonly [typeof Balances]>, ProjectionError, EventStore | RowStore | Upcaster>",
    to: "Addressed<typeof BankAccount, InsufficientFunds>",
    executeAll:
      "Effect<readonly [Executed<Active, Deposited | Withdrawn>, Executed<Active, Deposited | Withdrawn>], ExecutionError | InsufficientFunds, Instances<\"BankAccount\">>"
  }
  for (const [name, expected] of Object.entries(hovers)) {
    it(name, () => assert.strictEqual(opened.hover("hovers.ts", name), expected))
  }
})

/** A domain as large as they get: events of three revisions, a command for each, one projection over all, a rule for each. */
const domainOf = (size: number): string => {
  const each = (line: (n: number) => string) => Array.from({ length: size }, (_, n) => line(n)).join("\n")
  const list = (name: string) => Array.from({ length: size }, (_, n) => `${name}${n}`).join(", ")
  return `
import { Aggregate, Command, Decision, Domain, Event, Policy, Projection } from "@varve/core"
import { Effect, Schema } from "effect"
${
    each((n) => `
class E${n} extends Event.make("E${n}", { a: Schema.String, b: Schema.Finite })
  .revise(2, { a: Schema.String, cents: Schema.Int }, ({ a, b }) => ({ a, cents: Math.round(b) }))
  .revise(3, { name: Schema.NonEmptyString, cents: Schema.Int, at: Schema.optionalKey(Schema.Date) }, ({ a, cents }) => ({ name: a, cents })) {}
class C${n} extends Command.make("C${n}", { name: Schema.NonEmptyString, cents: Schema.Int }) {}`)
  }
class No extends Schema.TaggedError<No>()("No", { cents: Schema.Int }) {}
class Big extends Aggregate.make("Big", {
  id: Schema.String,
  state: Schema.Struct({ total: Schema.Int }),
  commands: [${list("C")}],
  events: [${list("E")}],
  rejections: [No]
}).decider({
  initial: { total: 0 },
  decide: {
${
    each((n) =>
      `    C${n}: ({ cents, name }, { total }) => cents > total ? Decision.reject(new No({ cents })) : Decision.accept(E${n}.make({ cents, name })),`
    )
  }
  },
  evolve: {
${each((n) => `    E${n}: ({ total }, { cents }) => ({ total: total + cents }),`)}
  }
}) {}
class All extends Projection.make("All", { row: Schema.Struct({ total: Schema.Int }), events: [${list("E")}] }).fold({
  initial: { total: 0 },
  on: {
${each((n) => `    E${n}: ({ total }, { cents }) => ({ total: total + cents }),`)}
  }
}) {}
export const domain = Domain.make("Huge", { aggregates: [Big], projections: [All] })
export const access = Policy.make(domain, {
  Big: {
    commands: {
${each((n) => `      C${n}: ({ actor, command, id }, { total }) => actor.id === id && command.cents < total,`)}
    },
    read: Policy.everyone
  },
  All: { get: ({ actor, key }) => actor.id === key, list: Policy.hasRole("teller") }
})
export const program = Effect.gen(function*() {
  const { state } = yield* Big.execute("a", C0.make({ name: "x", cents: 1 }))
  const [one, two] = yield* Aggregate.executeAll([
    Aggregate.to(Big, "a", C0.make({ name: "x", cents: 1 })),
    Aggregate.to(Big, "b", C${size - 1}.make({ name: "x", cents: 1 }))
  ])
  return state.total + one.version + two.version
}).pipe(Effect.provide(domain.layer()))
`
}

/** The same events, but their revisions are made of changes. */
const changesOf = (size: number): string => `
import { Change, Event } from "@varve/core"
import { Schema } from "effect"
${
  Array.from({ length: size }, (_, n) => `
class E${n} extends Event.make("E${n}", { a: Schema.String, b: Schema.Finite })
  .revise(2, (payload) =>
    payload.pipe(Change.rename({ b: "cents" }), Change.retype("cents", Schema.Int, (b) => Math.round(b))))
  .revise(3, (payload) =>
    payload.pipe(
      Change.retype("a", Schema.NonEmptyString, (a) => a),
      Change.rename({ a: "name" }),
      Change.add("at", Schema.optionalKey(Schema.Date))
    ))
{}
export const made${n} = E${n}.make({ name: "x", cents: 1 })`).join("\n")
}
`

describe("80 events with three revisions each, made of five changes", () => {
  it("cost a bounded number of instantiations", () => {
    const [one, half, whole] = [1, 40, 80].map((size) => compiler.instantiationsOf(`changes${size}`, changesOf(size)))
    // 134,630 when it was measured, with TypeScript 7.0.2 and effect 4.1.0.
    assert.isBelow(whole! - one!, 190_000)
    assert.isBelow((whole! - one!) / (half! - one!), 2.5)
    assert.isAbove(half! - one!, 10_000)
  }, 60_000)
})

describe("a domain of 80 events with three revisions each, 80 commands, a projection over all of them, and their policy", () => {
  it("costs a bounded number of instantiations", () => {
    const [one, half, whole] = [1, 40, 80].map((size) => compiler.instantiationsOf(`domain${size}`, domainOf(size)))
    // 236,540 when it was measured, with TypeScript 7.0.2 and effect 4.1.0.
    assert.isBelow(whole! - one!, 280_000)
    // Twice the domain is twice the work, not four times.
    assert.isBelow((whole! - one!) / (half! - one!), 2.5)
    assert.isAbove(half! - one!, 10_000)
  }, 60_000)
})
