/** Takes events as they are. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as eventFile from "./eventFile.ts"
import * as target from "./importTarget.ts"
import * as ndjson from "./ndjson.ts"
import * as Progress from "./progress.ts"

/** What became of the events of a file. */
export interface Imported extends target.Counts {
  readonly millis: number
}

/** Tells how far reading is, where it is known how much there is to read. */
export const reading = Effect.fnUntraced(function*({ size }: eventFile.Source, times = 1) {
  const progress = yield* Progress.start("kB", Math.ceil((size ?? 0) * times / 1_000))
  return {
    seen: (bytes: number) => size === undefined ? Effect.void : progress.done(Math.floor(bytes / 1_000)),
    end: progress.end
  }
})

export const wantedOf = (source: string, { bytes, entries }: eventFile.Commit): target.Wanted => {
  const [first, ...others] = entries
  return {
    events: [first.event, ...others.map(({ event }) => event)],
    bytes,
    from: ndjson.placeOf(source, first.line.number),
    to: ndjson.placeOf(source, (others.at(-1) ?? first).line.number)
  }
}

/** Writes to the store what it lacks of a source. `all` compares everything that it has, not some of it. */
export const run = Effect.fnUntraced(function*(source: eventFile.Source, all: boolean) {
  const { end, put } = yield* target.make({ all, write: true })
  const progress = yield* reading(source)
  yield* eventFile.commits(source, progress.seen).pipe(
    Stream.map((commit) => wantedOf(source.name, commit)),
    Stream.runForEach(put)
  )
  const imported: Imported = { ...(yield* end), millis: yield* progress.end }
  return imported
})
