/** Changes: a wrong name, a clash, a wrong default or function is a compile error, and what comes of them is inferred. */
import { Change, Event } from "@varve/core"
import { Effect, Schema } from "effect"
import type { Equals } from "../Equals.ts"

const Paid = Event.make("Paid", { total: Schema.Finite, note: Schema.optionalKey(Schema.String) })

const renamed = Paid.revise(2, Change.rename({ total: "amount" }))
const piped = renamed.revise(3, (payload) =>
  payload.pipe(
    Change.retype("amount", Schema.Int, (euros) => {
      const inferred: Equals<typeof euros, number> = true
      return inferred ? Math.round(euros * 100) : 0
    }, (cents) => cents / 100),
    Change.add("currency", Schema.Literals(["EUR", "USD"]), ({ amount, note }) => {
      const inferred: Equals<[typeof amount, typeof note], [number, string | undefined]> = true
      return inferred ? "EUR" : "USD"
    }),
    Change.add("memo", Schema.optionalKey(Schema.String)),
    Change.add("tries", Schema.Int.pipe(Schema.withConstructorDefault(Effect.succeed(1))))
  ))
const divided = piped.revise(4, (payload) =>
  payload.pipe(
    Change.split("note", { first: Schema.String, rest: Schema.optionalKey(Schema.String) }, (note) => {
      const inferred: Equals<typeof note, string | undefined> = true
      return { first: inferred ? note ?? "" : "" }
    }, ({ first, rest }) => rest === undefined ? first : `${first} ${rest}`),
    Change.remove("memo"),
    Change.remove("tries", ({ amount }) => amount)
  ))

/** An optional field stays optional, one with a default stays one. */
export const types: [
  Equals<
    Event.Type<typeof renamed>,
    { readonly _tag: "Paid"; readonly amount: number; readonly note?: string }
  >,
  Equals<
    Event.Type<typeof piped>,
    {
      readonly _tag: "Paid"
      readonly amount: number
      readonly note?: string
      readonly currency: "EUR" | "USD"
      readonly memo?: string
      readonly tries: number
    }
  >,
  Equals<
    Event.Type<typeof divided>,
    {
      readonly _tag: "Paid"
      readonly amount: number
      readonly currency: "EUR" | "USD"
      readonly first: string
      readonly rest?: string
    }
  >,
  Equals<(typeof divided)["revision"], 4>,
  Equals<Parameters<typeof piped.make>[0]["tries"], number | undefined>
] = [true, true, true, true, true]

/** Literals and tuples need no `as const`. */
const Pair = Schema.Tuple([Schema.Int, Schema.Literals(["x", "y"])])
const Nested = Schema.Struct({ kind: Schema.Literals(["x", "y"]), pair: Pair })
export const literals = [
  Paid.revise(2, Change.retype("total", Pair, (total) => [total, "x"])),
  Paid.revise(2, Change.retype("total", Nested, (total) => ({ kind: "x", pair: [total, "y"] }))),
  Paid.revise(2, Change.add("pair", Pair, ({ total }) => [total, "x"])),
  Paid.revise(2, Change.split("total", { pair: Pair }, (total) => ({ pair: [total, "x"] }))),
  Event.make("P", { pair: Pair }).revise(2, Change.retype("pair", Schema.Int, ([n]) => n, (n) => [n, "y"])),
  Event.make("P", { pair: Pair }).revise(
    2,
    Change.split("pair", { n: Schema.Int }, ([n]) => ({ n }), ({ n }) => [n, "y"])
  ),
  Event.make("P", { pair: Pair, n: Schema.Int }).revise(2, Change.remove("pair", ({ n }) => [n, "y"]))
]

/** One change for several events, and one by hand after changes. */
const inCents = <From extends Schema.Struct.Fields>(
  payload: Change.Change<From, { readonly total: typeof Schema.Finite }>
) => payload.pipe(Change.retype("total", Schema.Int, (euros) => Math.round(euros * 100)))
export const shared = [
  Event.make("A", { total: Schema.Finite }).revise(2, inCents),
  Event.make("B", { total: Schema.Finite }).revise(2, inCents)
    .revise(3, { cents: Schema.Int }, ({ total }) => ({ cents: total }), ({ cents }) => ({ total: cents }))
]

export const compiled = () => {
  // @ts-expect-error 'totl' does not exist
  Paid.revise(2, Change.rename({ totl: "amount" }))
  // @ts-expect-error "there is no field nope"
  Paid.revise(2, Change.rename({ total: "amount", nope: "x" }))
  // @ts-expect-error "there is a field note already"
  Paid.revise(2, Change.rename({ total: "note" }))
  // @ts-expect-error "there is a field x already"
  Paid.revise(2, Change.rename({ total: "x", note: "x" }))
  // an exchange of names is none
  Paid.revise(2, Change.rename({ total: "note", note: "total" }))
  // @ts-expect-error a name is a text
  Paid.revise(2, Change.rename({ total: 5 }))
  // @ts-expect-error "there is a field total already"
  Paid.revise(2, Change.add("total", Schema.Int, () => 1))
  // @ts-expect-error Type 'string' is not assignable to type 'number'
  Paid.revise(2, Change.add("x", Schema.Int, () => "1"))
  // @ts-expect-error Expected 3 arguments, but got 2
  Paid.revise(2, Change.add("x", Schema.Int))
  // @ts-expect-error Property 'nope' does not exist
  Paid.revise(2, Change.add("x", Schema.Int, ({ nope }) => 1))
  // @ts-expect-error "nope" is not "total" | "note"
  Paid.revise(2, Change.retype("nope", Schema.Int, () => 1))
  // @ts-expect-error Type 'string' is not assignable to type 'number'
  Paid.revise(2, Change.retype("total", Schema.Int, (euros) => `${euros}`))
  // @ts-expect-error 'string' and 'number' are incompatible
  Paid.revise(2, Change.retype("total", Schema.Int, (euros: string) => euros.length))
  // @ts-expect-error the way back makes what the field was
  Paid.revise(2, Change.retype("total", Schema.Int, (euros) => euros, (cents) => `${cents}`))
  // @ts-expect-error it may be missing
  Paid.revise(2, Change.retype("note", Schema.Int, (note) => note.length))
  // @ts-expect-error it may not be left out
  Paid.revise(2, Change.retype("note", Schema.Int, (note) => note?.length))
  // @ts-expect-error "nope" is not "total" | "note"
  Paid.revise(2, Change.split("nope", { a: Schema.Int }, () => ({ a: 1 })))
  // @ts-expect-error "there is a field note already"
  Paid.revise(2, Change.split("total", { note: Schema.Int }, () => ({ note: 1 })))
  // @ts-expect-error Property 'a' is missing
  Paid.revise(2, Change.split("total", { a: Schema.Int }, () => ({ b: 1 })))
  // @ts-expect-error Property 'b' does not exist
  Paid.revise(2, Change.split("total", { a: Schema.Int }, () => ({ a: 1 }), ({ b }) => b))
  // @ts-expect-error "nope" is not "total" | "note"
  Paid.revise(2, Change.remove("nope"))
  // @ts-expect-error the way back makes what the field was
  Paid.revise(2, Change.remove("total", () => "x"))
  // @ts-expect-error what is removed is not there on the way back
  Paid.revise(2, Change.remove("total", ({ total }) => total))
  // @ts-expect-error Argument of type '3' is not assignable to parameter of type '2'
  Paid.revise(3, (payload) => payload.pipe(Change.remove("total")))
  // @ts-expect-error what is gone cannot be changed again
  Paid.revise(2, (payload) => payload.pipe(Change.remove("total"), Change.rename({ total: "x" })))
  // @ts-expect-error a change of another event
  Paid.revise(2, inCents)
  // @ts-expect-error a downcast makes what the make of the revision before takes
  Paid.revise(2, { cents: Schema.Int }, ({ total }) => ({ cents: total }), ({ cents }) => ({ total: `${cents}` }))
  // @ts-expect-error a downcast sees the newer revision
  Paid.revise(2, { cents: Schema.Int }, ({ total }) => ({ cents: total }), ({ total }) => ({ total }))
}
