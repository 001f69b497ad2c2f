import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Limits from "../Limits.ts"

/** A page of a history: its entries as JSON texts, and the last of them where there are more behind it. */
export interface Page<A> {
  readonly texts: ReadonlyArray<string>
  readonly last: A | undefined
}

/** Takes a page off a history. It ends only between two entries that may stand apart. */
export const take = <A extends object, E>(
  entries: Stream.Stream<A, E>,
  limit: number,
  encode: (entry: A) => unknown,
  mayPart: (before: A, behind: A) => boolean
): Effect.Effect<Page<A>, E> =>
  Effect.suspend(() => {
    const texts: Array<string> = []
    let characters = 0
    let last: A | undefined
    let more = false
    const taken = Stream.runForEachWhile(entries, (entry) =>
      Effect.sync(() => {
        const isFull = texts.length >= limit || characters > Limits.charactersPerPage
        more = isFull && last !== undefined && mayPart(last, entry)
        if (more) return false
        const text = JSON.stringify(encode(entry))
        characters += text.length
        texts.push(text)
        last = entry
        return true
      }))
    return Effect.map(taken, () => ({ texts, last: more ? last : undefined }))
  })

/** A page as JSON; `next` is what to give as `after` for the page behind it. */
export const json = (texts: ReadonlyArray<string>, next: number | null): string =>
  `{"history":[${texts.join(",")}],"next":${next}}`
