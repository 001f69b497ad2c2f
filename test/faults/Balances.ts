/**
 * What the accounts of a run come to, folded from what the store holds, by nothing of ours but addition.
 */
import type { State } from "./Accounts.ts"
import { type Entry, type History, streamsOf } from "./History.ts"

const balancesOf = (events: ReadonlyArray<Entry>): ReadonlyArray<number> => {
  const balances = [0]
  for (const { cents = 0 } of events) balances.push(balances.at(-1)! + cents)
  return balances
}

export class Balances {
  private readonly streams: ReadonlyMap<string, ReadonlyArray<Entry>>
  /** Of each stream, by version. */
  private readonly balances: ReadonlyMap<string, ReadonlyArray<number>>

  constructor(history: History) {
    this.streams = streamsOf(history.filter(({ cents }) => cents !== undefined))
    this.balances = new Map(Array.from(this.streams, ([stream, events]) => [stream, balancesOf(events)]))
  }

  /** More was taken out than was there. */
  get overdrawn(): ReadonlyArray<string> {
    return Array.from(this.balances).flatMap(([stream, balances]) =>
      balances.flatMap((balance, version) =>
        balance < 0 ? [`${stream} has ${balance} cents at version ${version}`] : []
      )
    )
  }

  /** What is wrong with a state that somebody was told of an account. */
  wrong(stream: string, { balance, last, version }: State): string | undefined {
    const found = this.balances.get(stream)?.[version] ?? (version === 0 ? 0 : undefined)
    const number = version === 0 ? 0 : this.streams.get(stream)?.[version - 1]?.number
    return found === balance && number === last
      ? undefined
      : `version ${version} has ${found} cents behind event ${number}, not ${balance} behind ${last}`
  }
}
