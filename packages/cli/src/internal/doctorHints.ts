/** What is no fault of a store, and still worth knowing. */
import type { Program } from "@varve/core/ProgramStore"
import type { Inventory } from "@varve/core/StoreAdmin"
import type { Readings } from "./doctorReading.ts"

/** Hints of one kind that are told. */
const perKind = 20

/** Types that lie under several categories. */
const severalCategories = (inventory: ReadonlyArray<Inventory>): ReadonlyArray<string> =>
  Array.from(Map.groupBy(inventory, ({ type }) => type)).flatMap(([type, entries]) => {
    const categories = Array.from(new Set(entries.map(({ category }) => category)))
    return categories.length === 1 ? [] : [
      `${type} is stored under several categories (${categories.join(", ")}): readers of one of them do not read the`
      + " others. Tags are to be unique in a store"
    ]
  })

/** Categories of which no aggregate of the project is. */
const unknownCategories = (inventory: ReadonlyArray<Inventory>, readings: Readings): ReadonlyArray<string> =>
  Array.from(new Set(inventory.map(({ category }) => category)))
    .filter((category) => !readings.categories.includes(category))
    .map((category) =>
      `no aggregate is stored under ${category}: add its domain to the project, or, where an aggregate was renamed, say so`
      + " in \"categories\" of the upcaster"
    )

/** The newest revision that a program reads of a type in a category; nothing where it does not ask for it. */
const readsOf = ({ reads }: Program, { category, type }: Inventory): number | undefined => {
  const named = reads.filter((read) => read.type === type && (read.category === category || read.category === ""))
  if (named.length > 0) return Math.max(...named.map(({ revision }) => revision))
  // Who names a category reads whole streams of it.
  return reads.some((read) => read.category === category) ? 0 : undefined
}

/** Programs at work that meet what they cannot read. */
const behind = (inventory: ReadonlyArray<Inventory>, programs: ReadonlyArray<Program>): ReadonlyArray<string> =>
  programs.flatMap((program) =>
    inventory.flatMap((entry) => {
      const reads = readsOf(program, entry)
      if (reads === undefined || reads >= entry.revision) return []
      const knows = reads === 0 ? "does not know the type" : `reads revision ${reads}`
      return [
        `program ${program.name} is at work and cannot read revision ${entry.revision} of ${entry.type} in`
        + ` ${entry.category}: it ${knows}`
      ]
    })
  )

const bounded = (hints: ReadonlyArray<string>): ReadonlyArray<string> =>
  hints.length <= perKind ? hints : [...hints.slice(0, perKind), `and ${hints.length - perKind} more of this kind`]

export const of = (
  inventory: ReadonlyArray<Inventory>,
  readings: Readings,
  programs: ReadonlyArray<Program>
): ReadonlyArray<string> => [
  ...bounded(unknownCategories(inventory, readings)),
  ...bounded(severalCategories(inventory)),
  ...bounded(behind(inventory, programs))
]
