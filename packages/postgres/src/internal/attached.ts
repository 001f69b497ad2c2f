import type { Commit, RowStore } from "@varve/core"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** How long a batch of commits waits, at the most, for a projection that is brought to the head. */
const catchUpPatience = Duration.seconds(2)

/** A projection that rides with the appends of this store. */
export interface Member {
  readonly inline: RowStore.Inline
  /** It was left behind, as far as this process knows. */
  behind: boolean
}

/** A projection, and its part of a batch of commits. */
export interface Prepared {
  readonly member: Member
  readonly prepared: RowStore.Prepared
}

/** The projections that ride with the appends of a store, in this process. */
export class Attached {
  private readonly members = new Set<Member>()
  private readonly patience: Duration.Duration

  /** `timeout` is how long a commit may wait for its batch. */
  constructor(timeout: Duration.Duration) {
    this.patience = Duration.min(catchUpPatience, Duration.times(timeout, 0.5))
  }

  /** For as long as the scope is open. */
  attach(inline: RowStore.Inline): Effect.Effect<void, never, Scope.Scope> {
    return Effect.asVoid(Effect.acquireRelease(
      Effect.sync(() => {
        const member: Member = { inline, behind: false }
        this.members.add(member)
        return member
      }),
      (member) => Effect.sync(() => this.members.delete(member))
    ))
  }

  get isEmpty(): boolean {
    return this.members.size === 0
  }

  get all(): ReadonlyArray<Member> {
    return Array.from(this.members)
  }

  /** Tells all of events that were written without them. */
  missed(last: number): void {
    for (const member of this.members) {
      member.behind = true
      member.inline.missed(last)
    }
  }

  /** Brings those to the head that are behind. To be run by who holds no connection. */
  readonly catchUp: Effect.Effect<void> = Effect.suspend(() => {
    const behind = this.all.filter((member) => member.behind)
    if (behind.length === 0) return Effect.void
    return Effect.forEach(behind, ({ inline }) => Effect.ignoreCause(inline.catchUp), { discard: true }).pipe(
      Effect.timeoutOption(this.patience),
      Effect.andThen(Effect.sync(() => {
        // Whether it is so, the next batch sees when it reads the rows.
        for (const member of behind) member.behind = false
      }))
    )
  })
}

/** What is pure for its author may throw all the same: then the commits go without rows, and who runs it tells why. */
const orUndefined = <A>(get: () => A | undefined): A | undefined => {
  try {
    return get()
  } catch {
    return undefined
  }
}

/**
 * The parts of a batch that can be folded before it is stored. Where a program has two layers of one projection, one of
 * them rides: the rows of the other are the same, and would be written twice.
 */
export const prepare = (
  members: ReadonlyArray<Member>,
  commits: ReadonlyArray<Commit.Encoded>
): ReadonlyArray<Prepared> => {
  const parts = new Map<string, Prepared>()
  for (const member of members) {
    const { name, revision } = member.inline.target
    const target = `${name}/${revision}`
    const prepared = parts.has(target) ? undefined : orUndefined(() => member.inline.prepare(commits))
    if (prepared !== undefined) parts.set(target, { member, prepared })
  }
  return Array.from(parts.values())
}

export const fold = (
  { prepared }: Prepared,
  rows: ReadonlyArray<RowStore.StoredRow>,
  accepted: ReadonlyArray<boolean>
): ReadonlyArray<RowStore.RowWrite> | undefined => orUndefined(() => prepared.fold(rows, accepted))
