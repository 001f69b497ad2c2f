import { Orders } from "../../src/domain/Orders.ts"
import { piecesOf } from "../../src/domain/Values.ts"
import { useConnection, useList } from "./hooks.ts"
import { Settling, Trouble } from "./Settling.tsx"
import { count, euros, shortOf, statuses, timeOf } from "./words.ts"

/** The orders of a customer, the oldest first. */
export const ordersOf = (customer: string) => ({ index: "ofCustomer", where: { customer } })

export const OrderList = () => {
  const { person } = useConnection()
  const list = useList(Orders, ordersOf(person.id))
  return (
    <section aria-labelledby="orders" class="narrow">
      <h1 id="orders">My orders</h1>
      <Trouble of={list} />
      {list.rows.length === 0
        ? (
          <p class="empty" role="status">
            {list.loading ? "The orders are being fetched …" : "None so far. The first one will lie at the bottom."}
          </p>
        )
        : (
          <ul class="orders">
            {list.rows.toReversed().map(({ key, pending, row }) => (
              <li key={key} data-order={key}>
                <a href={`#/orders/${key}`} class={`order ${row.status}`}>
                  <span class="status">{statuses[row.status]}</span>
                  <span class="what">
                    {count(piecesOf(row.lines), "piece")}, {euros(row.totalCents)}
                  </span>
                  <span class="when">{timeOf(row.orderedAt)} · …{shortOf(key)}</span>
                  <Settling pending={pending} />
                </a>
              </li>
            ))}
          </ul>
        )}
    </section>
  )
}
