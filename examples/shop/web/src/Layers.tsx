import { Option } from "effect"
import { Carts } from "../../src/domain/Carts.ts"
import { Catalogue } from "../../src/domain/Catalogue.ts"
import { Orders } from "../../src/domain/Orders.ts"
import { products } from "./Catalogue.tsx"
import { useConnection, useList, useLive, useRow } from "./hooks.ts"
import { ordersOf } from "./OrderList.tsx"
import { count, sentenceOf } from "./words.ts"

const doing = { queued: "waits here", sent: "on its way", stored: "stored, the page is catching up" } as const

/** How much of what is shown is confirmed, and how far behind the read model is: always in sight. */
export const Layers = () => {
  const { optimistic, person } = useConnection()
  const pending = useLive(optimistic.pending)
  const watched = [useList(Catalogue, products), useRow(Carts, person.id), useList(Orders, ordersOf(person.id))]
  const behind = Math.max(...watched.map((one) => one.behind))
  const position = Math.max(...watched.map((one) => one.position))
  const isLost = watched.some(({ error }) => Option.isSome(error)) || pending.some(({ attempts }) => attempts > 1)
  return (
    <footer class={pending.length > 0 ? "layers wet" : "layers"}>
      {pending.length > 0 && (
        <ul aria-label="On their way" data-testid="pending">
          {pending.map(({ attempts, command, commitId, status }) => (
            <li key={commitId} class={status}>
              <strong>{sentenceOf(command)}</strong> {doing[status]}
              {attempts > 1 && `, tried ${attempts} times`}
            </li>
          ))}
        </ul>
      )}
      <p role="status" data-testid="state">
        <span class="dot" aria-hidden="true" />
        {pending.length === 0 ? "All confirmed" : `${count(pending.length, "change")} on the way`}
        {isLost && " · the shop cannot be reached, what you do is kept and sent again"}
      </p>
      <p data-testid="behind">
        {behind > 0 ? `${count(behind, "event")} behind` : "Read model up to date"} · position {position}
      </p>
    </footer>
  )
}
