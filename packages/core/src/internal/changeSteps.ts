import { identity } from "effect/Function"
import * as Pipeable from "effect/Pipeable"
import * as Schema from "effect/Schema"
import * as definition from "./definition.ts"
import { guardOf } from "./remake.ts"

/**
 * How a change runs. Every field that a payload has on its way from one revision to the next has a slot of its own, so
 * a rename costs nothing, and both directions run over the same slots.
 */
type Slots = Array<unknown>

/** The slot of each field, in the order of the fields. */
type Places = ReadonlyMap<string, number>

type Fields = { readonly [name: string]: Schema.Top }

/** A function that was given: `Change` has checked its types against the fields. */
type Given = (value: never) => unknown

/** A change over the slots. What it does nothing for in a direction is left out. */
interface Step {
  readonly up?: ((slots: Slots) => void) | undefined
  readonly down?: ((slots: Slots) => void) | undefined
}

/** A change as it is put together. Documented at `Change.Change`. */
export interface Change extends Pipeable.Pipeable {
  readonly [TypeId]: typeof variance
  /** Event and revision, for messages. */
  readonly what: string
  /** The fields that it starts from. */
  readonly from: Places
  readonly fields: Fields
  readonly places: Places
  readonly size: number
  readonly steps: ReadonlyArray<Step>
  readonly reversible: boolean
}

/** Documented at `Change.TypeId`. */
export const TypeId = "~@varve/core/Change"

const variance = { _From: identity, _To: identity }

/** In the slot of a field that is not there: `undefined` may be a value. */
const absent = Symbol()

/** No change yet. */
export const start = (what: string, fields: Schema.Struct.Fields): Change => {
  const places = new Map(Object.keys(fields).map((name, slot) => [name, slot]))
  return {
    [TypeId]: variance,
    what,
    from: places,
    // A field is a schema; `Struct.Fields` asks for less than that.
    fields: fields as Fields,
    places,
    size: places.size,
    steps: [],
    reversible: true,
    pipe() {
      return Pipeable.pipeArguments(this, arguments)
    }
  }
}

/** Whether something is a change of the very payload that another starts from. */
export const isChangeOf = (start: Change, u: unknown): u is Change =>
  // Nothing else has the same places: they are made by `start`.
  typeof u === "object" && u !== null && (u as Partial<Change>).from === start.from

/** The upcast that a change is, and the downcast where it is one. */
export const functionsOf = ({ from, places, reversible, size, steps }: Change) => {
  const run = (read: Places, fs: ReadonlyArray<Step["up"]>, write: Places): Given => {
    const [fill, empty, doing] = [reader(read), writer(write), fs.filter((f) => f !== undefined)]
    return (payload) => {
      const slots: Slots = new Array(size)
      fill(payload, slots)
      for (const f of doing) f(slots)
      return empty(slots)
    }
  }
  return {
    upcast: run(from, steps.map(({ up }) => up), places),
    downcast: reversible ? run(places, steps.map(({ down }) => down).reverse(), from) : undefined
  }
}

/** Names that an object has without having them: a field of that name is looked at twice, and written with care. */
const isInherited = (name: string): boolean => name in Object.prototype

const define = (payload: object, name: string, value: unknown): void => {
  Object.defineProperty(payload, name, { value, enumerable: true, configurable: true, writable: true })
}

const entriesOf = (places: Places) =>
  Array.from(places, ([name, slot]) => ({ name, slot, inherited: isInherited(name) }))

/** Makes an object of the fields that are there. */
const writer = (places: Places): (slots: Slots) => object => {
  const entries = entriesOf(places)
  return (slots) => {
    const payload: { [name: string]: unknown } = {}
    for (let i = 0; i < entries.length; i++) {
      const { inherited, name, slot } = entries[i]!
      const value = slots[slot]
      if (value === absent) continue
      if (inherited) define(payload, name, value)
      else payload[name] = value
    }
    return payload
  }
}

/** Puts the fields of an object into their slots. */
const reader = (places: Places): (payload: { readonly [name: string]: unknown }, slots: Slots) => void => {
  const entries = entriesOf(places)
  return (payload, slots) => {
    for (let i = 0; i < entries.length; i++) {
      const { inherited, name, slot } = entries[i]!
      const value = payload[name]
      slots[slot] = (value === undefined || inherited) && !Object.hasOwn(payload, name) ? absent : value
    }
  }
}

/** Passes fields through their `make`, defaults and checks included, and puts what comes of it into their slots. */
const maker = (fields: Fields, places: Places): (payload: unknown, slots: Slots) => void => {
  const schema = Schema.Struct(fields)
  const fill = reader(places)
  // The type of what is given was checked where the change was declared; its value is checked here.
  return (payload, slots) => fill(schema.make(payload as never), slots)
}

/** Whether a payload may do without the field. */
const leavable = ({ ast }: Schema.Top): boolean =>
  ast.context?.isOptional === true || ast.context?.constructorDefault !== undefined

/** The same for one field: where it may be left out, `undefined` leaves it out. */
const makerOf = (name: string, schema: Schema.Top, slot: number): (value: unknown, slots: Slots) => void => {
  const make = maker({ [name]: schema }, new Map([[name, slot]]))
  const leaves = leavable(schema)
  const is = guardOf(schema)
  return (value, slots) => {
    if (is?.(value) === true) {
      slots[slot] = value
      return
    }
    make(value === undefined && leaves ? {} : { [name]: value }, slots)
  }
}

/** The value of a field as functions see it. */
const valueOf = (slots: Slots, slot: number): never =>
  // Its schema has made it; that it is what the function takes was checked where the change was declared.
  (slots[slot] === absent ? undefined : slots[slot]) as never

const known = (combinator: string, { places, what }: Change, name: string): number => {
  const slot = places.get(name)
  if (slot !== undefined) return slot
  const names = [...places.keys()].join(", ")
  throw definition.defect(
    `${what}: Change.${combinator}: there is no field ${name}; there ${names === "" ? "is none" : `are: ${names}`}`
  )
}

const checkNew = (combinator: string, what: string, names: ReadonlyArray<string>): void => {
  for (const name of definition.duplicates(names)) {
    throw definition.defect(`${what}: Change.${combinator}: there is a field ${name} already: choose another name`)
  }
}

/** Puts others in the place of one; without one they come last. */
const replaced = <A>(
  entries: Iterable<readonly [string, A]>,
  name: string | undefined,
  by: Iterable<readonly [string, A]>
): ReadonlyArray<readonly [string, A]> => {
  const all = Array.from(entries)
  const at = name === undefined ? all.length : all.findIndex(([other]) => other === name)
  return [...all.slice(0, at), ...by, ...all.slice(at + 1)]
}

/** The change with others in the place of one field. They get slots of their own. */
const exchange = (
  combinator: string,
  change: Change,
  name: string | undefined,
  by: Fields,
  stepOf: (places: Places) => Step & { readonly reversible: boolean }
): Change => {
  const own = new Map(Object.keys(by).map((name, i) => [name, change.size + i]))
  const places = replaced(change.places, name, own)
  checkNew(combinator, change.what, places.map(([name]) => name))
  const { reversible, ...step } = stepOf(own)
  return {
    ...change,
    fields: Object.fromEntries(replaced(Object.entries(change.fields), name, Object.entries(by))),
    places: new Map(places),
    size: change.size + own.size,
    steps: [...change.steps, step],
    reversible: change.reversible && reversible
  }
}

/** Documented at `Change.rename`. */
export const rename = (names: { readonly [name: string]: string }) => (change: Change): Change => {
  for (const name of Object.keys(names)) known("rename", change, name)
  const renamed = <A>(entries: Iterable<readonly [string, A]>) =>
    Array.from(entries, ([name, a]) => [Object.hasOwn(names, name) ? names[name]! : name, a] as const)
  const places = renamed(change.places)
  checkNew("rename", change.what, places.map(([name]) => name))
  return { ...change, fields: Object.fromEntries(renamed(Object.entries(change.fields))), places: new Map(places) }
}

/** Documented at `Change.add`. */
export const add = (name: string, schema: Schema.Top, value: Given | undefined) => (change: Change): Change => {
  if (value === undefined && !leavable(schema)) {
    throw definition.defect(`${change.what}: Change.add: ${name} may not be left out: say the value of older payloads`)
  }
  const payload = writer(change.places)
  return exchange("add", change, undefined, { [name]: schema }, (places) => {
    const make = makerOf(name, schema, places.get(name)!)
    const up = value === undefined
      ? (slots: Slots) => make(undefined, slots)
      // The function takes the payload as changed so far, and that is what is there.
      : (slots: Slots) => make(value(payload(slots) as never), slots)
    return { up, reversible: true }
  })
}

/** Documented at `Change.retype`. */
export const retype =
  (name: string, schema: Schema.Top, up: Given, down: Given | undefined) => (change: Change): Change => {
    const old = known("retype", change, name)
    const unmake = makerOf(name, change.fields[name]!, old)
    return exchange("retype", change, name, { [name]: schema }, (places) => {
      const slot = places.get(name)!
      const make = makerOf(name, schema, slot)
      return {
        up: (slots) => make(up(valueOf(slots, old)), slots),
        down: down && ((slots) => unmake(down(valueOf(slots, slot)), slots)),
        reversible: down !== undefined
      }
    })
  }

/** Documented at `Change.split`. */
export const split =
  (name: string, parts: Schema.Struct.Fields, up: Given, join: Given | undefined) => (change: Change): Change => {
    const old = known("split", change, name)
    const unmake = makerOf(name, change.fields[name]!, old)
    // A field is a schema; `Struct.Fields` asks for less than that.
    return exchange("split", change, name, parts as Fields, (places) => {
      const make = maker(parts as Fields, places)
      const whole = writer(places)
      return {
        up: (slots) => make(up(valueOf(slots, old)), slots),
        // The function takes the parts, and that is what is there.
        down: join && ((slots) => unmake(join(whole(slots) as never), slots)),
        reversible: join !== undefined
      }
    })
  }

/** Documented at `Change.remove`. */
export const remove = (name: string, back: Given | undefined) => (change: Change): Change => {
  const old = known("remove", change, name)
  const schema = change.fields[name]!
  const unmake = makerOf(name, schema, old)
  const rest = replaced(change.places, name, [])
  const payload = writer(new Map(rest))
  return exchange("remove", change, name, {}, () => ({
    // The function takes what is left, and that is what is there.
    down: (slots) => unmake(back?.(payload(slots) as never), slots),
    reversible: back !== undefined || leavable(schema)
  }))
}
