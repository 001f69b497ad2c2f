/**
 * Ready-made changes of an event from one revision to the next: fields added, renamed, split, retyped and removed.
 *
 * **When to use**
 *
 * In place of fields and an upcast, where a revision differs from the last in a few fields: the change names those, the
 * compiler derives the rest, and most of them bring the way back with them.
 *
 * **Details**
 *
 * What a function returns passes through the `make` of its field, defaults and checks included, before the next change
 * of the same revision sees it. A function sees `undefined` for a field that is not there; where a field may be left
 * out, it leaves it out by returning `undefined`.
 *
 * A revision has a downcast exactly when each of its changes has a way back: those of `rename` and `add` are known,
 * `retype` and `split` have one when it is given, and so has `remove`, except that a field that may be left out needs
 * none.
 *
 * **Example** (Three revisions)
 *
 * ```ts
 * import { Result, Schema } from "effect"
 * import { Change, Event } from "@varve/core"
 *
 * class Paid extends Event.make("Paid", { total: Schema.Finite, by: Schema.String })
 *   .revise(2, Change.rename({ total: "amount" }))
 *   .revise(3, (payload) =>
 *     payload.pipe(
 *       Change.retype("amount", Schema.Int, (euros) => Math.round(euros * 100), (cents) => cents / 100),
 *       Change.add("currency", Schema.Literals(["EUR", "USD"]), () => "EUR")
 *     ))
 * {}
 *
 * const old = Event.decode(Paid, { revision: 1, payload: { total: 12.34, by: "ada" } })
 * const paid = Result.getOrThrow(old)
 *
 * paid // => { _tag: "Paid", amount: 1234, by: "ada", currency: "EUR" }
 *
 * Result.getOrThrow(Event.encodeAs(Paid, paid, 1)) // => { total: 12.34, by: "ada" }
 * ```
 *
 * @since 0.1.0
 */
import type * as Pipeable from "effect/Pipeable"
import type * as Schema from "effect/Schema"
import type * as Types from "effect/Types"
import * as steps from "./internal/changeSteps.ts"

/**
 * Marks changes at run time.
 *
 * @category type IDs
 * @since 0.1.0
 */
export const TypeId: typeof steps.TypeId = steps.TypeId

type Fields = Schema.Struct.Fields

/**
 * What becomes of a payload: the fields it had, and the fields it has come to.
 *
 * **Details**
 *
 * `Event.revise` makes the first one, of the last revision's fields, and takes the last one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Change<in out From extends Fields, in out To extends Fields> extends Pipeable.Pipeable {
  readonly [TypeId]: {
    readonly _From: Types.Invariant<From>
    readonly _To: Types.Invariant<To>
  }
}

type Optional = { readonly "~type.optionality": "optional" }
type Defaulted = { readonly "~type.constructor.default": "with-default" }

/**
 * What a function sees of a field: `undefined` where it may be missing.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Value<S extends Schema.Constraint> = S extends Optional ? S["Type"] | undefined : S["Type"]

/**
 * What a function returns for a field: where the field may be left out, `undefined` leaves it out.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Input<S extends Schema.Constraint> = S extends Optional | Defaulted ? S["~type.make"] | undefined
  : S["~type.make"]

/** What a function sees of a whole payload. What it returns says nothing of the fields. */
type Payload<F extends Fields> = Schema.Struct<NoInfer<F>>["Type"]

/**
 * A function, once `T` is known: what it is to return is then known, too, and literals and tuples in it stay what they
 * are.
 */
type Given<T, F> = T extends unknown ? F : never

/** What is wrong with a name, as the compiler shows it. */
type Taken<Name> = Name extends string ? `there is a field ${Name} already` : never

/**
 * The name, when there is no such field yet.
 *
 * @category type-level
 * @since 0.1.0
 */
export type Fresh<Name extends string, Names> = Name extends Names ? Taken<Name> : Name

/**
 * The new names of some fields, when there are such fields and no two of one name.
 *
 * @category type-level
 * @since 0.1.0
 */
export type NewNames<F extends Fields, Names> = {
  readonly [K in keyof Names]: K extends keyof F
    ? Names[K] extends Exclude<keyof F, keyof Names> | Names[Exclude<keyof Names, K>] ? Taken<Names[K]> : Names[K]
    : `there is no field ${K & string}`
}

/** The compiler has checked what is given against the fields; at run time a change is what the steps make of it. */
const typed = (combinator: unknown): never => combinator as never

/**
 * Gives fields new names. The way back is known.
 *
 * **Example** (A field with a better name)
 *
 * ```ts
 * import { Result, Schema } from "effect"
 * import { Change, Event } from "@varve/core"
 *
 * class Shipped extends Event.make("Shipped", { to: Schema.String, kg: Schema.Finite })
 *   .revise(2, Change.rename({ to: "address", kg: "weight" }))
 * {}
 *
 * const shipped = Event.decode(Shipped, { revision: 1, payload: { to: "Rome", kg: 2 } })
 *
 * Result.getOrThrow(shipped) // => { _tag: "Shipped", address: "Rome", weight: 2 }
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const rename: <F extends Fields, const Names extends { readonly [K in keyof F]?: string }>(
  names: NewNames<F, Names>
) => <From extends Fields>(
  payload: Change<From, F>
) => Change<From, { readonly [K in keyof F as K extends keyof Names ? Names[K] & string : K]: F[K] }> = typed(
  steps.rename
)

/**
 * Adds a field, whose value in older payloads comes from what they hold. On the way back it is left off.
 *
 * **Details**
 *
 * The value may be left away where the field may: it is then its constructor's default, or not there.
 *
 * **Example** (A field with a value, and one that may be missing)
 *
 * ```ts
 * import { Result, Schema } from "effect"
 * import { Change, Event } from "@varve/core"
 *
 * class Shipped extends Event.make("Shipped", { kg: Schema.Finite }).revise(2, (payload) =>
 *   payload.pipe(
 *     Change.add("class", Schema.Literals(["letter", "parcel"]), ({ kg }) => kg < 1 ? "letter" : "parcel"),
 *     Change.add("note", Schema.optionalKey(Schema.String))
 *   ))
 * {}
 *
 * const shipped = Event.decode(Shipped, { revision: 1, payload: { kg: 2 } })
 *
 * Result.getOrThrow(shipped) // => { _tag: "Shipped", kg: 2, class: "parcel" }
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const add: <F extends Fields, const Name extends string, S extends Schema.Constraint>(
  name: Fresh<Name, keyof F>,
  schema: S,
  ...value: S extends Optional | Defaulted ? [value?: (payload: Payload<F>) => Input<S>]
    : [value: (payload: Payload<F>) => Input<S>]
) => <From extends Fields>(
  payload: Change<From, F>
) => Change<From, { readonly [K in keyof F | Name]: K extends keyof F ? F[K] : S }> = typed(steps.add)

/**
 * Gives a field another schema. With `down` it has a way back.
 *
 * **Example** (From euros to cents, and back)
 *
 * ```ts
 * import { Result, Schema } from "effect"
 * import { Change, Event } from "@varve/core"
 *
 * class Paid extends Event.make("Paid", { amount: Schema.Finite })
 *   .revise(2, Change.retype("amount", Schema.Int, (euros) => Math.round(euros * 100), (cents) => cents / 100))
 * {}
 *
 * const paid = Event.decode(Paid, { revision: 1, payload: { amount: 12.34 } })
 *
 * Result.getOrThrow(paid) // => { _tag: "Paid", amount: 1234 }
 *
 * Result.getOrThrow(Event.encodeAs(Paid, Paid.make({ amount: 50 }), 1)) // => { amount: 0.5 }
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const retype: <F extends Fields, const Name extends keyof F & string, S extends Schema.Constraint>(
  name: Name,
  schema: S,
  up: Given<S, (value: Value<F[Name]>) => Input<S>>,
  down?: Given<S, (value: Value<S>) => Input<F[Name]>>
) => <From extends Fields>(
  payload: Change<From, F>
) => Change<From, { readonly [K in keyof F]: K extends Name ? S : F[K] }> = typed(steps.retype)

/**
 * Puts several fields in the place of one. With `join` it has a way back.
 *
 * **Example** (A name in two parts)
 *
 * ```ts
 * import { Result, Schema } from "effect"
 * import { Change, Event } from "@varve/core"
 *
 * class Joined extends Event.make("Joined", { name: Schema.String }).revise(
 *   2,
 *   Change.split("name", { first: Schema.String, last: Schema.String }, (name) => {
 *     const at = name.lastIndexOf(" ")
 *     return { first: name.slice(0, Math.max(at, 0)), last: name.slice(at + 1) }
 *   }, ({ first, last }) => `${first} ${last}`.trimStart())
 * ) {}
 *
 * const joined = Event.decode(Joined, { revision: 1, payload: { name: "Ada Lovelace" } })
 *
 * Result.getOrThrow(joined) // => { _tag: "Joined", first: "Ada", last: "Lovelace" }
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const split: <F extends Fields, const Name extends keyof F & string, const Parts extends Fields>(
  name: Name,
  parts: Parts & { readonly [K in keyof Parts & Exclude<keyof F, Name>]: Taken<K> },
  up: (value: Value<F[Name]>) => Schema.Struct<Parts>["~type.make.in"],
  join?: Given<Name, (parts: Payload<Parts>) => Input<F[Name]>>
) => <From extends Fields>(payload: Change<From, F>) => Change<
  From,
  { readonly [K in Exclude<keyof F, Name> | keyof Parts]: K extends keyof Parts ? Parts[K] : F[K & keyof F] }
> = typed(steps.split)

/**
 * Removes a field. With `back`, which says its value in payloads that are written down, it has a way back; a field that
 * may be left out needs none.
 *
 * **Example** (A field that nobody needs)
 *
 * ```ts
 * import { Result, Schema } from "effect"
 * import { Change, Event } from "@varve/core"
 *
 * class Joined extends Event.make("Joined", { name: Schema.String, fax: Schema.String })
 *   .revise(2, Change.remove("fax", () => "none"))
 * {}
 *
 * const joined = Event.decode(Joined, { revision: 1, payload: { name: "Ada", fax: "123" } })
 *
 * Result.getOrThrow(joined) // => { _tag: "Joined", name: "Ada" }
 *
 * Result.getOrThrow(Event.encodeAs(Joined, Joined.make({ name: "Bob" }), 1)) // => { name: "Bob", fax: "none" }
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const remove: <F extends Fields, const Name extends keyof F & string>(
  name: Name,
  back?: Given<Name, (payload: Payload<{ readonly [K in Exclude<keyof F, Name>]: F[K] }>) => Input<F[Name]>>
) => <From extends Fields>(payload: Change<From, F>) => Change<From, { readonly [K in Exclude<keyof F, Name>]: F[K] }> =
  typed(steps.remove)
