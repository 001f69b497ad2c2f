/**
 * What the processes of a run write down of what they do, and what is put together of it. Times are those of
 * CLOCK_MONOTONIC, which all processes of a machine share, in microseconds.
 */
import type { State } from "./Accounts.ts"

export const now = (): number => Number(process.hrtime.bigint() / 1_000n)

/** A commit as it is sent: the numbers of its events are nobody else's. With `cents` it comes of commands on accounts. */
export interface Planned {
  readonly id: string
  readonly writes: ReadonlyArray<{
    readonly stream: string
    readonly expected: number | "any" | "exists"
    readonly numbers: ReadonlyArray<number>
    readonly cents?: number | undefined
  }>
  /** Characters that each payload is longer by. */
  readonly padding?: number | undefined
}

/** Whether a commit comes of commands on accounts. */
export const isCommand = ({ writes }: Planned): boolean => writes[0]!.cents !== undefined

/** What one attempt came to. `Defect`: something that the contract does not know. */
export type Outcome =
  | {
    readonly tag: "Written"
    readonly first: number
    readonly last: number
    readonly replayed: boolean
    readonly streams: ReadonlyArray<readonly [stream: string, from: number, to: number]>
    /** What commands made of their accounts. */
    readonly states?: ReadonlyArray<readonly [stream: string, state: State]> | undefined
  }
  /** A command was rejected, on a state that the account had. */
  | { readonly tag: "Rejected"; readonly stream: string; readonly state: State }
  | { readonly tag: "Conflict"; readonly stream: string; readonly actual: number }
  | { readonly tag: "Unavailable" | "OutcomeUnknown" | "Refused" | "Defect"; readonly message: string }

/** What a reader was answered. Events are told by their numbers. */
export type Sight =
  | { readonly tag: "Head"; readonly head: number }
  | { readonly tag: "Commit"; readonly id: string; readonly first: number | null }
  | {
    readonly tag: "Stream"
    readonly stream: string
    /** The last ones, last first. */
    readonly events: ReadonlyArray<readonly [version: number, number: number]>
  }
  | { readonly tag: "Account"; readonly stream: string; readonly state: State }
  | {
    readonly tag: "Page"
    readonly after: number
    readonly scannedTo: number
    readonly atHead: boolean
    readonly events: ReadonlyArray<readonly [position: number, number: number]>
  }

/** A line of a process. */
export type Note =
  | { readonly tag: "Sent"; readonly commit: Planned; readonly at: number }
  | { readonly tag: "Told"; readonly id: string; readonly at: number; readonly outcome: Outcome }
  | { readonly tag: "Seen"; readonly from: number; readonly to: number; readonly sight: Sight }
  /** A read that failed, as it may. */
  | { readonly tag: "Unseen"; readonly reason: string; readonly message: string }

/** One attempt. Without an outcome it was not heard of again: its process is gone. */
export interface Attempt {
  /** The worker that made it. */
  readonly by: number
  readonly from: number
  to: number
  outcome: Outcome | undefined
}

export interface Sent {
  readonly commit: Planned
  readonly attempts: Array<Attempt>
}

/** What is known of a commit from its attempts alone. */
export type Standing =
  | { readonly tag: "Acknowledged"; readonly outcome: Outcome & { readonly tag: "Written" }; readonly at: number }
  /** No attempt can have been stored. */
  | { readonly tag: "Refused" }
  | { readonly tag: "Unknown" }

export const standingOf = ({ attempts }: Sent): Standing => {
  for (const { outcome, to } of attempts) {
    if (outcome?.tag === "Written") return { tag: "Acknowledged", outcome, at: to }
  }
  // A conflict was judged after whatever an earlier attempt may have stored under the id, and for that there is no more
  // room than there was for this one.
  if (attempts.some(({ outcome }) => outcome?.tag === "Conflict")) return { tag: "Refused" }
  const mayBeStored = ({ outcome }: Attempt) => outcome === undefined || outcome.tag === "OutcomeUnknown"
  return attempts.some(mayBeStored) ? { tag: "Unknown" } : { tag: "Refused" }
}

/** All that was written down in a run. */
export class Ledger {
  readonly commits = new Map<string, Sent>()
  readonly sights: Array<Note & { readonly tag: "Seen" }> = []
  /** Failed reads, by reason. */
  readonly unseen = new Map<string, number>()
  /** What no call of a store may come to. */
  readonly defects: Array<string> = []
  acknowledgements = 0
  /** Attempts of which it was told that nobody knows what came of them. */
  unknowns = 0

  /** What listens to one worker. */
  readonly listener = (by: number) => (note: Note): void => this.hear(by, note)

  private hear(by: number, note: Note): void {
    if (note.tag === "Seen") return void this.sights.push(note)
    if (note.tag === "Unseen") {
      this.unseen.set(note.reason, (this.unseen.get(note.reason) ?? 0) + 1)
      if (note.reason !== "Unavailable") this.defects.push(`a read: ${note.reason}: ${note.message}`)
      return
    }
    if (note.tag === "Sent") {
      const known = this.commits.get(note.commit.id)
      const sent = known ?? { commit: note.commit, attempts: [] }
      sent.attempts.push({ by, from: note.at, to: Infinity, outcome: undefined })
      return void this.commits.set(note.commit.id, sent)
    }
    const { at, id, outcome } = note
    const attempt = this.commits.get(id)!.attempts.findLast((attempt) =>
      attempt.by === by && attempt.outcome === undefined
    )!
    attempt.outcome = outcome
    attempt.to = at
    if (outcome.tag === "Written") this.acknowledgements++
    if (outcome.tag === "OutcomeUnknown") this.unknowns++
    if (outcome.tag === "Refused" || outcome.tag === "Defect") {
      this.defects.push(`an append: ${outcome.tag}: ${outcome.message}`)
    }
  }

  /** Commits of a worker of which nobody knows what became of them. */
  unknown(by: number): ReadonlyArray<Planned> {
    return [...this.commits.values()]
      .filter((sent) => sent.attempts.some((attempt) => attempt.by === by) && standingOf(sent).tag === "Unknown")
      .map(({ commit }) => commit)
  }

  /** How many commits came to what, and what was read. */
  get counts() {
    const standings = { Acknowledged: 0, Refused: 0, Unknown: 0 }
    let [resolved, commands, rejected] = [0, 0, 0]
    for (const sent of this.commits.values()) {
      const { tag } = standingOf(sent)
      standings[tag]++
      if (tag === "Acknowledged" && isCommand(sent.commit)) commands++
      if (sent.attempts.some(({ outcome }) => outcome?.tag === "Rejected")) rejected++
      if (tag === "Acknowledged" && sent.attempts.some(({ outcome }) => outcome?.tag !== "Written")) resolved++
    }
    return {
      acknowledged: standings.Acknowledged,
      acknowledgedCommands: commands,
      rejectedCommands: rejected,
      resolved,
      refused: standings.Refused,
      unknown: standings.Unknown,
      reads: this.sights.length,
      readsFailed: [...this.unseen.values()].reduce((sum, count) => sum + count, 0)
    }
  }
}
