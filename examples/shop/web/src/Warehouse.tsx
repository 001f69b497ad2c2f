import { useEffect } from "preact/hooks"
import { Catalogue } from "../../src/domain/Catalogue.ts"
import { Order, ShipOrder } from "../../src/domain/Order.ts"
import { PackingList } from "../../src/domain/PackingList.ts"
import { Product, ReceiveStock } from "../../src/domain/Product.ts"
import { SalesPerDay } from "../../src/domain/SalesPerDay.ts"
import { Stock as StockOf } from "../../src/domain/Stock.ts"
import { OrderId, ProductId } from "../../src/domain/Values.ts"
import { products } from "./Catalogue.tsx"
import { useConnection, useList } from "./hooks.ts"
import { Settling, Trouble } from "./Settling.tsx"
import { count, euros, shortOf, timeOf } from "./words.ts"

export const Warehouse = () => (
  <>
    <h1>Warehouse</h1>
    <div class="warehouse">
      <Packing />
      <Sales />
      <Stock />
    </div>
  </>
)

const toPack = { index: "toPack", where: { paid: true } }
const toBePaid = { index: "toPack", where: { paid: false } }

const Packing = () => {
  const list = useList(PackingList, toPack)
  const unpaid = useList(PackingList, toBePaid)
  return (
    <section aria-labelledby="packing" class="panel">
      <h2 id="packing">To be packed</h2>
      <Trouble of={list} />
      {list.rows.length === 0
        ? <p class="empty" role="status">{list.loading ? "Being fetched …" : "Nothing: every paid order has left."}</p>
        : (
          <ul class="parcels">
            {list.rows.map(({ key, pending, row }) => <Parcel key={key} id={key} pending={pending} row={row} />)}
          </ul>
        )}
      <p class="hint">
        {unpaid.rows.length === 0
          ? "No order waits"
          : `${count(unpaid.rows.length, "order")} wait`.replace("order wait", "order waits")} for a payment.
      </p>
    </section>
  )
}

const Parcel = ({ id, pending, row }: {
  readonly id: string
  readonly pending: ReadonlyArray<unknown>
  readonly row: typeof PackingList.row.Type
}) => {
  const { run } = useConnection()
  const catalogue = useList(Catalogue, products)
  const order = OrderId.make(id)
  const nameOf = (product: string) => catalogue.rows.find(({ key }) => key === product)?.row.name ?? product
  // What the click does is shown at once where the state that it is decided on is known.
  useEffect(() => run(Order.load(order)), [id])
  return (
    <li data-order={id}>
      <div>
        <strong>{row.customer}</strong>{" "}
        <span class="when">…{shortOf(id)}{row.paidAt && `, paid ${timeOf(row.paidAt)}`}</span>
        <p>{row.lines.map(({ product, quantity }) => `${quantity} × ${nameOf(product)}`).join(", ")}</p>
        <Settling pending={pending} />
      </div>
      <button
        type="button"
        class="main"
        aria-label={`Ship the order of ${row.customer}`}
        onClick={() => run(Order.execute(order, ShipOrder.make({})))}
      >
        Ship
      </button>
    </li>
  )
}

const Sales = () => {
  const list = useList(SalesPerDay)
  const most = Math.max(1, ...list.rows.map(({ row }) => row.paidCents))
  return (
    <section aria-labelledby="sales" class="panel">
      <h2 id="sales">Sales per day</h2>
      <Trouble of={list} />
      {list.rows.length === 0
        ? <p class="empty" role="status">{list.loading ? "Being fetched …" : "Nothing has been paid yet."}</p>
        : (
          <table>
            <thead>
              <tr>
                <th scope="col">Day</th>
                <th scope="col">Orders</th>
                <th scope="col">Paid</th>
                <th scope="col">Refunded</th>
              </tr>
            </thead>
            <tbody>
              {list.rows.toReversed().map(({ key, row }) => (
                <tr key={key} data-day={key}>
                  <th scope="row">{key}</th>
                  <td>{row.orders}</td>
                  <td>
                    {euros(row.paidCents)}
                    <span class="bar" style={{ width: `${100 * row.paidCents / most}%` }} aria-hidden="true" />
                  </td>
                  <td>{euros(row.refundedCents)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
    </section>
  )
}

/** Pieces that a delivery brings. */
const delivery = 5

const Stock = () => {
  const { run } = useConnection()
  const list = useList(StockOf, { index: "scarcest" })
  return (
    <section aria-labelledby="stock" class="panel broad">
      <h2 id="stock">Stock</h2>
      <Trouble of={list} />
      <table>
        <thead>
          <tr>
            <th scope="col">Product</th>
            <th scope="col">Available</th>
            <th scope="col">Held</th>
            <th scope="col">Gone</th>
            <th scope="col" class="core-head">Of all that came</th>
            <th scope="col">
              <span class="hidden">Delivery</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {list.rows.map(({ key, row }) => (
            <tr key={key} data-product={key}>
              <th scope="row">{row.name}</th>
              <td>{row.available}</td>
              <td>{row.reserved}</td>
              <td>{row.dispatched}</td>
              <td class="core-cell">
                <span class="core" aria-hidden="true">
                  <i class="available" style={{ flexGrow: row.available }} />
                  <i class="reserved" style={{ flexGrow: row.reserved }} />
                  <i class="dispatched" style={{ flexGrow: row.dispatched }} />
                </span>
              </td>
              <td>
                <button
                  type="button"
                  aria-label={`Receive ${delivery} more of ${row.name}`}
                  onClick={() => run(Product.execute(ProductId.make(key), ReceiveStock.make({ quantity: delivery })))}
                >
                  +{delivery}
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}
