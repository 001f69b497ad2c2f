import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { EventStoreError, Refused } from "../EventStoreError.ts"
import * as SnapshotStore from "../SnapshotStore.ts"
import * as StreamName from "../StreamName.ts"
import { parse } from "./parse.ts"

/** A snapshot as it is kept: the state as text, so that nobody's later change to a value reaches it. */
interface Kept {
  readonly version: number
  readonly text: string
}

const refuse = (reason: Refused) => Effect.fail(new EventStoreError({ operation: "snapshots", reason }))

/** Keeps snapshots in memory. */
export const make = (): {
  readonly snapshots: SnapshotStore.SnapshotStore["Service"]
  /** Events of a stream were erased, from a version on. */
  readonly forget: (key: string, version: number) => void
} => {
  /** The first version of each stream that was erased. */
  const erasures = new Map<string, number>()
  const streams = new Map<string, Map<number, Kept>>()

  const keep = ({ revision, stream, version }: SnapshotStore.Snapshot, text: string): void => {
    const key = StreamName.format(stream)
    if (version >= (erasures.get(key) ?? Number.POSITIVE_INFINITY)) return
    const kept = streams.get(key) ?? new Map<number, Kept>()
    if ((kept.get(revision)?.version ?? 0) > version) return
    streams.set(key, kept.set(revision, { version, text }))
    for (const older of kept.keys()) {
      if (older < revision - 1) kept.delete(older)
    }
  }

  return {
    forget: (key, version) => {
      erasures.set(key, Math.min(version, erasures.get(key) ?? version))
      const kept = streams.get(key) ?? new Map<number, Kept>()
      for (const [revision, one] of kept) {
        if (one.version >= version) kept.delete(revision)
      }
    },
    snapshots: {
      find: (stream, revision) =>
        Effect.suspend(() => {
          const wrong = SnapshotStore.check(stream, revision)
          if (wrong !== undefined) return refuse(wrong)
          const kept = streams.get(StreamName.format(stream))?.get(revision)
          return Effect.succeed(
            Option.map(Option.fromUndefinedOr(kept), ({ text, version }) => ({ version, state: parse(text) }))
          )
        }),
      save: (snapshot) =>
        Effect.suspend(() => {
          const text = SnapshotStore.encode(snapshot)
          if (text instanceof Refused) return refuse(text)
          keep(snapshot, text)
          return Effect.void
        })
    }
  }
}
