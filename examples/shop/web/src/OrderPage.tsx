import { Effect, Option, Stream } from "effect"
import { useEffect, useState } from "preact/hooks"
import { AddToCart, Cart } from "../../src/domain/Cart.ts"
import { Catalogue } from "../../src/domain/Catalogue.ts"
import { CancelOrder, Order as OrderOf, PayOrder, ReturnOrder } from "../../src/domain/Order.ts"
import { Orders } from "../../src/domain/Orders.ts"
import { OrderId } from "../../src/domain/Values.ts"
import { products } from "./Catalogue.tsx"
import { useConnection, useList, useRow } from "./hooks.ts"
import { type Past, Section } from "./Section.tsx"
import { Settling, Trouble } from "./Settling.tsx"
import { euros, exactTimeOf, imageOf, type Order, shortOf, statuses, whyOf } from "./words.ts"

/** Most events of an order that are asked for. It has five at most. */
const mostEvents = 50

const pastOf = (id: string) =>
  Orders.history(id, { limit: mostEvents }).pipe(
    Stream.runCollect,
    Effect.map((touches): Past =>
      Array.from(touches).flatMap(({ envelope, event, position, row }) =>
        Option.isNone(row)
          ? []
          : [{ event: event._tag, actor: envelope.actor, at: envelope.occurredAt, position, row: row.value }]
      )
    )
  )

export const OrderPage = ({ id }: { readonly id: string }) => {
  const { ask, person, run } = useConnection()
  const order = useRow(Orders, id)
  const [past, setPast] = useState<Past>([])
  /** Why the past could not be read. */
  const [trouble, setTrouble] = useState<unknown>()
  /** A place in the past; now, where none is chosen. */
  const [chosen, setChosen] = useState<number>()
  const confirmed = Option.getOrUndefined(order.confirmed)
  useEffect(() => {
    if (confirmed === undefined) return
    const controller = new AbortController()
    ask(pastOf(id), controller.signal).then((past) => {
      setPast(past)
      setTrouble(undefined)
    }, (error) => {
      // What was there stays. Who has left does not ask any more.
      if (!controller.signal.aborted) setTrouble(error)
    })
    // What the next click does is shown at once where the state that it is decided on is known.
    run(OrderOf.load(OrderId.make(id)))
    return () => controller.abort()
  }, [id, confirmed])
  const shown = chosen === undefined ? Option.getOrUndefined(order.row) : past[chosen]?.row
  if (shown === undefined) {
    return (
      <section class="narrow">
        <h1>Order …{shortOf(id)}</h1>
        <Trouble of={order} />
        <p class="empty" role="status">{order.loading ? "The order is being fetched …" : "There is no such order."}</p>
      </section>
    )
  }
  const isPast = chosen !== undefined
  return (
    <section aria-labelledby="order" class={isPast ? "order-page past" : "order-page"}>
      <div class="paper">
        <p class="eyebrow">
          Order …{shortOf(id)} <Settling pending={order.pending} />
        </p>
        <h1 id="order" data-testid="status" data-status={shown.status}>{statuses[shown.status]}</h1>
        <p class="hint" data-testid="as-of" role="status">
          {isPast ? `As it was from ${exactTimeOf(past[chosen]!.at)}` : "As it is now"}
        </p>
        {shown.reason !== null && <p class="reason">{shown.reason}</p>}
        <Trouble of={order} />
        {trouble !== undefined && (
          <p class="trouble" role="alert" data-testid="no-history">
            The history could not be read. {whyOf(trouble)}
          </p>
        )}
        <Lines order={shown} />
        {!isPast && shown.customer === person.id && <Actions id={id} order={shown} />}
        {isPast && <button type="button" onClick={() => setChosen(undefined)}>Back to now</button>}
      </div>
      <Section past={past} pending={order.pending.length} chosen={chosen} onChoose={setChosen} />
    </section>
  )
}

const Lines = ({ order }: { readonly order: Order }) => {
  const catalogue = useList(Catalogue, products)
  const shelf = new Map(catalogue.rows.map(({ key, row }) => [key, row]))
  return (
    <>
      <ul class="lines">
        {order.lines.map(({ cents, product, quantity }) => {
          const about = shelf.get(product)
          return (
            <li key={product}>
              {about && <img src={imageOf(about.picture)} alt="" width="40" height="40" />}
              <span class="name">{about?.name ?? product}</span>
              <span class="pieces">{quantity} ×</span>
              <span class="amount">{euros(cents)}</span>
            </li>
          )
        })}
      </ul>
      <div class="sum">
        <span>Together</span>
        <strong>{euros(order.totalCents)}</strong>
      </div>
      {order.refundedCents > 0 && (
        <div class="sum">
          <span>Refunded</span>
          <strong>{euros(order.refundedCents)}</strong>
        </div>
      )}
    </>
  )
}

const Actions = ({ id, order }: { readonly id: string; readonly order: Order }) => {
  const { person, run } = useConnection()
  const { status } = order
  const of = OrderId.make(id)
  return (
    <div class="actions">
      {status === "placed" && (
        <button
          type="button"
          class="main"
          onClick={() => run(OrderOf.execute(of, PayOrder.make({})))}
        >
          Pay {euros(order.totalCents)}
        </button>
      )}
      {(status === "placed" || status === "paid") && (
        <button
          type="button"
          onClick={() => run(OrderOf.execute(of, CancelOrder.make({ reason: "changed my mind" })))}
        >
          Cancel the order
        </button>
      )}
      {status === "shipped" && (
        <button
          type="button"
          onClick={() => run(OrderOf.execute(of, ReturnOrder.make({ reason: "did not fit" })))}
        >
          Send it back
        </button>
      )}
      {status === "refused" && (
        <button
          type="button"
          class="main"
          onClick={() => {
            for (const { product, quantity } of order.lines) {
              run(Cart.execute(person.id, AddToCart.make({ product, quantity })))
            }
            location.hash = "#/cart"
          }}
        >
          Put it back into the cart
        </button>
      )}
    </div>
  )
}
