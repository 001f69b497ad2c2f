/**
 * The history of an order as a section through ground: a layer an event, the oldest at the bottom, each as thick as the
 * time that it lay on top.
 */
import { DateTime } from "effect"
import { exactTimeOf, type Order, statuses } from "./words.ts"

/** What has happened to an order, as the row of it was after each event, the oldest first. */
export type Past = ReadonlyArray<{
  readonly event: string
  readonly actor: string | undefined
  readonly at: Order["orderedAt"]
  readonly position: number
  readonly row: Order
}>

const whats: { readonly [event: string]: string } = {
  CartCheckedOut: "Ordered",
  OrderPlaced: "Placed: the stock is held",
  OrderRefused: "Refused",
  OrderPaid: "Paid",
  OrderShipped: "Shipped",
  OrderCancelled: "Cancelled",
  OrderReturned: "Sent back"
}

/** From moments to months, so that all of them can be seen. */
const thicknessOf = (millis: number): number => 3.6 + Math.log10(1 + Math.max(0, millis) / 1_000) * 1.1

export const Section = ({ chosen, onChoose, past, pending }: {
  readonly past: Past
  readonly pending: number
  readonly chosen: number | undefined
  readonly onChoose: (at: number | undefined) => void
}) => {
  if (past.length === 0 && pending === 0) return null
  const last = past.length - 1
  const at = chosen ?? last
  const choose = (index: number) => onChoose(index >= last ? undefined : index)
  return (
    <aside class="section" aria-label="History">
      <h2>What lies beneath</h2>
      <div class="ground">
        <ol class="strata" reversed>
          {pending > 0 && (
            <li class="stratum wet" data-testid="unsettled">
              <span>Not settled yet</span>
            </li>
          )}
          {past.toReversed().map(({ actor, at: time, event, position, row }, index) => {
            const place = last - index
            const until = past[place + 1]?.at
            const lay = until === undefined ? 0 : DateTime.toEpochMillis(until) - DateTime.toEpochMillis(time)
            return (
              <li
                key={position}
                class={`stratum ${event} ${place > at ? "above" : ""} ${place === at ? "on" : ""}`}
                style={{ minHeight: `${thicknessOf(lay)}rem` }}
              >
                <button
                  type="button"
                  aria-pressed={place === at}
                  onClick={() => choose(place)}
                  title={`Position ${position} of the store${actor === undefined ? "" : `, by ${actor}`}`}
                >
                  <span class="what">{whats[event] ?? statuses[row.status]}</span>
                  <span class="when">{exactTimeOf(time)}{actor === undefined ? "" : ` · ${actor}`}</span>
                </button>
              </li>
            )
          })}
        </ol>
        {past.length > 1 && (
          <input
            class="depth"
            type="range"
            aria-label="Go through the history of the order"
            aria-valuetext={`${whats[past[at]?.event ?? ""] ?? ""}, ${
              past[at] === undefined ? "" : exactTimeOf(past[at].at)
            }`}
            min={0}
            max={last}
            step={1}
            value={at}
            onInput={({ currentTarget }) => choose(Number(currentTarget.value))}
          />
        )}
      </div>
      <p class="hint">Each layer is an event. The longer it lay on top, the thicker it is.</p>
    </aside>
  )
}
