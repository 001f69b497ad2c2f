/**
 * Whether what several processes did and saw could have happened one thing at a time, each somewhere between its call and
 * its answer: linearizability, of a store that is one list of events.
 *
 * The model: a store is the first `n` of the events that it holds in the end, whole commits of them. An append that
 * was stored takes `n` from before its first event to its last, whoever heard of it. Everything else looks: what it was
 * answered is true of some `n`, from `low` to `high`. A stream at a version is that, and so are a conflict, a head, a page,
 * a commit that is found, or is not, and the state of an account that was loaded, or that a command was rejected on.
 *
 * The order of the appends is that of their positions, so nothing needs to be searched for: `n` grows only when an answer
 * that is due demands it, and whatever looks and can be placed at that `n` is. To be as late as possible leaves the
 * most room to what comes after, so if this finds no order there is none.
 */
import { Balances } from "./Balances.ts"
import { type Extent, extentsOf, type History, streamsOf } from "./History.ts"
import { type Attempt, type Ledger, type Sight, standingOf } from "./Records.ts"

/** Something that looks. It is true of a store of `low` to `high` events. */
export interface Look {
  readonly what: string
  readonly from: number
  readonly to: number
  readonly low: number
  readonly high: number
}

/** An append that is stored. `to`: when it was first acknowledged. */
export interface Write extends Extent {
  readonly from: number
  readonly to: number
}

type Moment =
  | { readonly at: number; readonly tag: "called" | "answered"; readonly look: Look }
  | { readonly at: number; readonly tag: "sent" | "acknowledged"; readonly write: Write }

/** Calls before answers of the same moment: nobody knows better. */
const order = { called: 0, sent: 0, answered: 1, acknowledged: 1 } as const

const rangeOf = ({ high, low }: Look): string =>
  low === high ? `${low} events` : high === Infinity ? `${low} events or more` : `${low} to ${high} events`

class Timeline {
  readonly violations: Array<string> = []
  private readonly writes: ReadonlyArray<Write>
  private readonly sent = new Set<Write>()
  private readonly open = new Set<Look>()
  private n = 0
  private next = 0
  /** What was the last to demand that `n` grows. */
  private because = "the beginning"

  constructor(writes: ReadonlyArray<Write>) {
    this.writes = [...writes].sort((a, b) => a.first - b.first)
  }

  private place(): void {
    for (const look of this.open) if (look.low <= this.n && this.n <= look.high) this.open.delete(look)
  }

  private grow(to: number, because: string): void {
    if (this.n >= to) return
    this.because = because
    while (this.n < to && this.next < this.writes.length) {
      const write = this.writes[this.next++]!
      if (!this.sent.has(write)) {
        this.violations.push(
          `${because} needs ${to} events, when commit ${write.id} at ${write.first} was not sent yet`
        )
      }
      this.n = write.last
      this.place()
    }
  }

  take(moment: Moment): void {
    switch (moment.tag) {
      case "sent":
        return void this.sent.add(moment.write)
      case "acknowledged":
        return this.grow(moment.write.last, `the acknowledgement of commit ${moment.write.id}`)
      case "called":
        this.open.add(moment.look)
        return this.place()
      case "answered": {
        const { look } = moment
        if (!this.open.has(look)) return
        if (this.n > look.high) {
          this.open.delete(look)
          return void this.violations.push(
            `${look.what} is true of ${rangeOf(look)}, after ${this.because} has shown that there are ${this.n}`
          )
        }
        this.grow(look.low, look.what)
        if (this.open.delete(look) && this.n < look.low) {
          this.violations.push(`${look.what} is true of ${rangeOf(look)}, of which there are only ${this.n} in the end`)
        } else if (this.n > look.high) {
          this.violations.push(`${look.what} is true of ${rangeOf(look)}, which is half a commit`)
        }
      }
    }
  }
}

/** What cannot have happened in any order. */
export const check = (writes: ReadonlyArray<Write>, looks: ReadonlyArray<Look>): ReadonlyArray<string> => {
  const moments: Array<Moment> = []
  for (const write of writes) {
    moments.push({ at: write.from, tag: "sent", write })
    if (write.to < Infinity) moments.push({ at: write.to, tag: "acknowledged", write })
  }
  for (const look of looks) {
    moments.push({ at: look.from, tag: "called", look }, { at: look.to, tag: "answered", look })
  }
  const timeline = new Timeline(writes)
  for (const moment of moments.sort((a, b) => a.at - b.at || order[a.tag] - order[b.tag])) timeline.take(moment)
  return timeline.violations
}

/** What each answer is true of. What is true of no list of these events is a violation at once. */
class Reading {
  private readonly history: History
  private readonly streams: ReturnType<typeof streamsOf>
  private readonly balances: Balances
  private readonly extents: ReadonlyMap<string, Extent>

  constructor(history: History) {
    this.history = history
    this.streams = streamsOf(history)
    this.balances = new Balances(history)
    this.extents = new Map(extentsOf(history).map((extent) => [extent.id, extent]))
  }

  extent(id: string): Extent | undefined {
    return this.extents.get(id)
  }

  /** Of how many events it is true that a stream is at a version. */
  version(stream: string, version: number): { readonly low: number; readonly high: number } {
    const events = this.streams.get(stream) ?? []
    if (version > events.length) return { low: Infinity, high: Infinity }
    return {
      low: version === 0 ? 0 : events[version - 1]!.position,
      high: (events[version]?.position ?? Infinity) - 1
    }
  }

  sight(sight: Sight): { readonly low: number; readonly high: number } | string {
    switch (sight.tag) {
      case "Head":
        return { low: sight.head, high: sight.head }
      case "Commit": {
        const extent = this.extents.get(sight.id)
        if (sight.first === null) return { low: 0, high: (extent?.first ?? Infinity) - 1 }
        if (extent?.first !== sight.first) return `it is at ${extent?.first ?? "no position"}`
        return { low: extent.last, high: Infinity }
      }
      case "Stream": {
        const events = this.streams.get(sight.stream) ?? []
        for (const [version, number] of sight.events) {
          const found = events[version - 1]?.number
          if (found !== number) return `version ${version} is event ${found}, not ${number}`
        }
        return this.version(sight.stream, sight.events[0]?.[0] ?? 0)
      }
      case "Account":
        return this.balances.wrong(sight.stream, sight.state) ?? this.version(sight.stream, sight.state.version)
      case "Page": {
        const events = sight.events.map(([position]) => position)
        const wanted = this.history.slice(sight.after, sight.scannedTo)
        const same = wanted.length === events.length
          && wanted.every(({ number, position }, i) => position === events[i] && number === sight.events[i]![1])
        if (!same) return `it holds ${wanted.length} events at ${wanted[0]?.position}, not ${events.length}`
        return { low: sight.scannedTo, high: sight.atHead ? sight.scannedTo : Infinity }
      }
    }
  }
}

const describe = (sight: Sight): string => {
  switch (sight.tag) {
    case "Head":
      return `head ${sight.head}`
    case "Commit":
      return sight.first === null ? `no commit ${sight.id}` : `commit ${sight.id} at ${sight.first}`
    case "Stream":
      return `version ${sight.events[0]?.[0] ?? 0} of ${sight.stream}`
    case "Account":
      return `version ${sight.state.version} of ${sight.stream}, loaded`
    case "Page":
      return `a page behind ${sight.after} up to ${sight.scannedTo}${sight.atHead ? ", which is the head" : ""}`
  }
}

const conflictOf = ({ from, outcome, to }: Attempt, reading: Reading): ReadonlyArray<Look> =>
  outcome?.tag === "Conflict"
    ? [{
      what: `a conflict with version ${outcome.actual} of ${outcome.stream}`,
      from,
      to,
      ...reading.version(outcome.stream, outcome.actual)
    }]
    : []

/** What commands were rejected on is looked at like what was loaded. */
const rejectionsOf = (ledger: Ledger): Ledger["sights"] =>
  [...ledger.commits.values()].flatMap(({ attempts }) =>
    attempts.flatMap(({ from, outcome, to }) => {
      if (outcome?.tag !== "Rejected") return []
      const { state, stream } = outcome
      return [{ tag: "Seen" as const, from, to, sight: { tag: "Account" as const, stream, state } }]
    })
  )

/** Judges a run. */
export const judge = (ledger: Ledger, history: History): ReadonlyArray<string> => {
  const reading = new Reading(history)
  const violations: Array<string> = []
  const writes: Array<Write> = []
  const looks: Array<Look> = []
  for (const [id, sent] of ledger.commits) {
    const extent = reading.extent(id)
    const standing = standingOf(sent)
    const to = standing.tag === "Acknowledged" ? standing.at : Infinity
    if (extent !== undefined) writes.push({ ...extent, from: sent.attempts[0]!.from, to })
    for (const attempt of sent.attempts) looks.push(...conflictOf(attempt, reading))
  }
  for (const { from, sight, to } of [...ledger.sights, ...rejectionsOf(ledger)]) {
    const range = reading.sight(sight)
    if (typeof range === "string") violations.push(`${describe(sight)}: in the end ${range}`)
    else looks.push({ what: describe(sight), from, to, ...range })
  }
  return [...violations, ...check(writes, looks)]
}
