/**
 * Histories of orders by chance, as two releases have written them, and what a copy makes of them: worked out event by
 * event, without any of the code under test.
 */
import { type Commit, EventStore, StoreAdmin, type StreamName } from "@varve/core"
import { Context, DateTime, Effect } from "effect"
import { TestClock } from "effect/testing"

/** Mulberry32: chance that can be had again. */
export const random = (seed: number) => () => {
  seed = (seed + 0x6D2B79F5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
}

export type Chance = (below: number) => number

export const chance = (seed: number): Chance => {
  const next = random(seed)
  return (below) => Math.floor(next() * below)
}

/** Texts that are easily written wrong. */
const texts = ["", "é", "\u2028", "\u{1F600}", "a\"b\\c\n", "1e21", "__proto", "\u007F", "constructor", " "]

const ofOrder = (below: Chance): Commit.NewEvent => {
  const text = texts[below(texts.length)]!
  const events: ReadonlyArray<Commit.NewEvent> = [
    { type: "OrderPlaced", revision: 1, payload: { total: below(1_000) } },
    { type: "OrderPlaced", revision: 2, payload: { cents: below(100_000) } },
    { type: "OrderSent", revision: 1, payload: { parcel: text } },
    { type: "OrderShipped", revision: 1, payload: { parcel: text } },
    { type: "ContactGiven", revision: 1, payload: { name: text, phone: below(2) === 0 ? "" : "0815" } },
    { type: "NameGiven", revision: 1, payload: { name: text } },
    { type: "NoteAdded", revision: 1, payload: { note: text, at: below(2_000_000_000) * 1_000 } },
    { type: "OrderViewed", revision: 3, payload: { [text]: [{ "2": 1e21, "1": -0, deep: [[null, 1e-7]] }] } },
    { type: "DiscountGiven", revision: 1, payload: { cents: below(50) } },
    { type: "DiscountGiven", revision: 1, payload: { cents: below(50) } }
  ]
  return events[below(events.length)]!
}

const ofCart = (below: Chance): Commit.NewEvent => ({
  type: "CartFilled",
  revision: 1,
  payload: { items: Array.from({ length: below(4) }, () => texts[below(texts.length)]!) }
})

const write = (below: Chance): Commit.Write => {
  const order = below(4) > 0
  const stream: StreamName.StreamName = {
    tenant: below(5) === 0 ? "ac@me" : "",
    category: order ? "Purchase" : "Cart",
    id: ["1", "2", "ä@b", "%40", "4"][below(5)]!
  }
  const event = () => ({
    ...(order ? ofOrder(below) : ofCart(below)),
    ...(below(3) === 0
      ? { occurredAt: DateTime.makeUnsafe(below(1_000_000) * 300_000_000 + below(1_000) - 62e12) }
      : {})
  })
  const others = Array.from({ length: below(4) }, event)
  return { stream, expected: "any", events: [event(), ...others] }
}

/** Writes a history. Some of it is erased again. */
export const fill = Effect.fnUntraced(function*(
  services: Context.Context<EventStore.EventStore | StoreAdmin.StoreAdmin>,
  below: Chance,
  commits: number,
  erasing = true
) {
  const store = Context.get(services, EventStore.EventStore)
  const admin = Context.get(services, StoreAdmin.StoreAdmin)
  for (let i = 0; i < commits; i++) {
    yield* TestClock.adjust(below(5_000))
    const first = write(below)
    const metadata = below(2) === 0 ? {} : { actor: texts[below(texts.length)]!, user: { n: -0, "7": ["\u2028"] } }
    const fingerprint = below(4) === 0 ? "f".repeat(1 + below(64)) : undefined
    yield* store.append({
      writes: [first, ...Array.from({ length: below(3) }, () => write(below))],
      metadata,
      fingerprint
    })
    if (erasing && below(10) === 0) yield* admin.erase({ stream: first.stream, from: 1 + below(3), to: 1 + below(4) })
  }
})

/** A line, as JSON. */
export interface Line {
  readonly position: number
  readonly commitId: string
  readonly commitIndex: number
  readonly tenant: string
  readonly category: string
  readonly id: string
  readonly version: number
  readonly type: string
  readonly revision: number
  readonly payload: { readonly [field: string]: any } | null
  readonly [rest: string]: unknown
}

/** Lines without `commitEvents`, which says nothing of an event by itself. */
export const lines = (text: string): ReadonlyArray<Line> =>
  text.split("\n").slice(0, -1).map((text) => {
    const { commitEvents: _, ...line } = JSON.parse(text)
    return line
  })

interface Made {
  readonly type: string
  readonly revision: number
  readonly payload: Line["payload"]
  /** Lines that it comes from, and the one whose place it takes. */
  readonly from: ReadonlyArray<Line>
  readonly at: Line
}

/** What a line becomes by itself. */
const alone = (line: Line): ReadonlyArray<Made> => {
  const { payload, revision, type } = line
  const made = (type: string, revision: number, payload: Line["payload"]): Made => ({
    type,
    revision,
    payload,
    from: [line],
    at: line
  })
  if (type === "OrderViewed") return []
  const name = type === "OrderSent" ? "OrderShipped" : type
  if (payload === null) return [made(name, revision, null)]
  if (type === "OrderPlaced") return [made(type, 2, revision === 1 ? { cents: payload["total"] * 100 } : payload)]
  if (type !== "ContactGiven") return [made(name, revision, payload)]
  return [
    made("NameGiven", 1, { name: payload["name"] }),
    ...(payload["phone"] === "" ? [] : [made("PhoneGiven", 1, { phone: payload["phone"] })])
  ]
}

/** Discounts go into the order that they come right behind in its stream; what was erased is not seen. */
const merged = (all: ReadonlyArray<Made>): ReadonlyArray<Made> => {
  const seen = all.filter(({ payload }) => payload !== null)
  const gone = new Set<Made>()
  const instead = new Map<Made, Made>()
  for (const [i, made] of seen.entries()) {
    if (made.type !== "OrderPlaced") continue
    const next = seen.slice(i + 1)
    const end = next.findIndex(({ type }) => type !== "DiscountGiven")
    const discounts = end === -1 ? next : next.slice(0, end)
    if (discounts.length === 0) continue
    const all = [made, ...discounts]
    for (const one of all) gone.add(one)
    const at = made.at.position % 3 === 0 ? made : discounts.at(-1)!
    instead.set(at, {
      ...made,
      payload: { cents: discounts.reduce((sum, { payload }) => sum - payload!["cents"], made.payload!["cents"]) },
      from: all.flatMap(({ from }) => from),
      at: at.at
    })
  }
  return all.flatMap((made) => instead.get(made) ?? (gone.has(made) ? [] : made))
}

export interface Expected {
  readonly lines: ReadonlyArray<Line>
  /** Old position to new ones. */
  readonly map: ReadonlyMap<number, ReadonlyArray<number>>
}

/** What a copy is to hold. */
export const copied = (old: ReadonlyArray<Line>, merging: boolean): Expected => {
  const keyOf = ({ category, id, tenant }: Line) => JSON.stringify([tenant, category, id])
  const streams = Map.groupBy(old, keyOf)
  const made = Array.from(streams.values(), (stream) => {
    const each = stream.flatMap(alone)
    return merging && stream[0]!.category === "Purchase" ? merged(each) : each
  }).flat()
  const at = Map.groupBy(made, ({ at }) => at.position)
  const versions = new Map<string, number>()
  const indices = new Map<string, number>()
  const map = new Map(old.map(({ position }) => [position, [] as Array<number>]))
  const lines: Array<Line> = []
  for (const line of old) {
    for (const { from, payload, revision, type } of at.get(line.position) ?? []) {
      const key = keyOf(line)
      const [version, index] = [(versions.get(key) ?? 0) + 1, indices.get(line.commitId) ?? 0]
      versions.set(key, version)
      indices.set(line.commitId, index + 1)
      const category = line.category === "Purchase" ? "Order" : line.category
      const position = lines.length + 1
      lines.push({ ...line, position, category, commitIndex: index, version, type, revision, payload })
      for (const one of new Set(from)) map.get(one.position)!.push(position)
    }
  }
  return { lines, map }
}
