/** What a doctor says: tables and lines for people, one value for programs. */
import type { Finding, Inventory, Status } from "@varve/core/StoreAdmin"
import * as StreamName from "@varve/core/StreamName"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { type Decoded, keyOf, shownPerType } from "./doctorDecode.ts"
import { isReadable, type Reading, words } from "./doctorReading.ts"
import type { Case } from "./doctorState.ts"
import * as print from "./print.ts"
import { Style } from "./style.ts"

/** The events of a type and revision, and what the program makes of them. */
export interface Entry extends Inventory {
  readonly reading: Reading
}

export interface Report {
  readonly store: Status
  readonly inventory: ReadonlyArray<Entry>
  /** Events of a type and revision that were read; 0 for all of them, nothing for none. */
  readonly sample: number | undefined
  readonly decoded: Decoded | undefined
  readonly findings: ReadonlyArray<Finding>
  readonly hints: ReadonlyArray<string>
}

export const isWell = ({ decoded, findings, inventory }: Report): boolean =>
  findings.length === 0 && (decoded?.unreadable ?? 0) === 0 && inventory.every(({ reading }) => isReadable(reading))

/** The report as programs get it. */
export const json = (report: Report) => {
  const { decoded, findings, hints, inventory, sample, store: { engine, head, schema, storeId } } = report
  return {
    well: isWell(report),
    store: { storeId, engine, schema, head },
    inventory: inventory.map((entry) => ({ ...entry, readable: isReadable(entry.reading) })),
    decoded: decoded && {
      sample: sample === 0 ? null : sample,
      until: decoded.until,
      resumed: decoded.resumed,
      events: decoded.events,
      erased: decoded.erased,
      unreadable: decoded.unreadable
    },
    unreadable: decoded?.cases ?? [],
    findings,
    hints
  }
}

export const title = (text: string) =>
  Effect.flatMap(Effect.service(Style), ({ strong }) => Console.log(`\n${strong(text)}`))

export const inventory = Effect.fnUntraced(function*(entries: ReadonlyArray<Entry>, { engine, head, storeId }: Status) {
  const { bad } = yield* Style
  yield* Console.log(`Store ${storeId} (${engine}), ${print.count(head, "event")}`)
  yield* title("What is stored, and how this program reads it")
  yield* print.table(
    ["category", "type", "revision", "events", "erased", "read"],
    entries.map(({ category, erased, events, reading, revision, type }) => [
      print.plain(category),
      print.plain(type),
      revision,
      events,
      erased,
      isReadable(reading) ? words(reading) : bad(words(reading))
    ]),
    "Nothing is stored yet."
  )
})

const cases = Effect.fnUntraced(function*(all: ReadonlyArray<Case>, total: number) {
  const { bad, faint } = yield* Style
  const groups = Array.from(Map.groupBy(all, keyOf).values())
    .sort((a, b) => a[0]!.position - b[0]!.position)
  for (const group of groups) {
    const { category, revision, type } = group[0]!
    // Of which all are kept, unless there are more than anybody asks for.
    const more = all.length < total ? "at least " : ""
    yield* Console.log(
      `${bad(`${print.plain(category)} ${print.plain(type)}, revision ${revision}`)}: ${more}${
        print.count(group.length, "event")
      }`
    )
    const rows = group.slice(0, shownPerType).map(({ id, position, reason, tenant, version }) => [
      position,
      print.cut(print.plain(StreamName.format({ tenant, category, id })), 60),
      version,
      print.cut(print.plain(reason), 160)
    ])
    yield* print.table(["position", "stream", "version", "reason"], rows, "")
    if (group.length > rows.length) yield* Console.log(faint(`and ${print.number(group.length - rows.length)} more`))
  }
})

export const decoded = Effect.fnUntraced(function*(found: Decoded, sample: number) {
  const { bad, good } = yield* Style
  const { erased, events, unreadable } = found
  yield* title(
    sample === 0 ? "Every event read" : `Up to ${print.number(sample)} events of each type and revision read`
  )
  const told = unreadable === 0 ? good("all are readable") : bad(`${print.number(unreadable)} cannot be read`)
  yield* Console.log(`${print.count(events, "event")}, ${print.number(erased)} of them erased: ${told}`)
  yield* cases(found.cases, unreadable)
})

export const findings = Effect.fnUntraced(function*(all: ReadonlyArray<Finding>) {
  const { bad, good } = yield* Style
  yield* title("What must hold of a store")
  if (all.length === 0) {
    yield* Console.log(good("holds: positions, versions, commits, times, checkpoints, protection against changes"))
  }
  for (const { actual, expected, what } of all) {
    yield* Console.log(`${bad(print.plain(what))}: expected ${print.plain(expected)}, got ${print.plain(actual)}`)
  }
})

export const hints = Effect.fnUntraced(function*(all: ReadonlyArray<string>) {
  if (all.length === 0) return
  yield* title("Hints")
  for (const hint of all) yield* Console.log(print.plain(hint))
})

export const end = Effect.fnUntraced(function*(report: Report) {
  const { bad, good } = yield* Style
  const only = report.decoded === undefined ? " No event was read: see --sample, --all." : ""
  yield* Console.log(isWell(report) ? `\n${good("All is well.")}${only}` : `\n${bad("Something is wrong.")}${only}`)
})
