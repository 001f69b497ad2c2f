import { defect } from "./definition.ts"

/** Name of a table of a revision. */
export type Table = (name: string) => string

// PostgreSQL cuts longer names off, and what is left would be the name of another table.
const tablePattern = /^[A-Za-z][A-Za-z0-9_]{0,56}$/

/** Names the tables of a revision, so that two revisions can be built beside each other. */
export const tableOf = (projection: string, revision: number): Table => (name) => {
  if (!tablePattern.test(name)) {
    const expected = "a letter, then up to 56 letters, digits or underscores"
    throw defect(`Projection ${projection}, table ${JSON.stringify(name)}: expected ${expected}`)
  }
  return `${name}_${revision}`
}
