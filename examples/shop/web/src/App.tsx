import { useEffect, useState } from "preact/hooks"
import { Carts } from "../../src/domain/Carts.ts"
import type { Person } from "../../src/domain/Person.ts"
import { ofToken, tokenOf } from "../../src/domain/Person.ts"
import { Cart as CartPage } from "./Cart.tsx"
import { Catalogue } from "./Catalogue.tsx"
import { connect, type Connection } from "./client.ts"
import { Failures } from "./Failures.tsx"
import { ConnectionProvider, useConnection, usePath, useRow } from "./hooks.ts"
import { Layers } from "./Layers.tsx"
import { Mark } from "./Mark.tsx"
import { OrderList } from "./OrderList.tsx"
import { OrderPage } from "./OrderPage.tsx"
import { SignIn } from "./SignIn.tsx"
import { Warehouse } from "./Warehouse.tsx"

/** Each window has a person of its own. */
const key = "shop/person"

export const App = () => {
  const [person, setPerson] = useState<Person | undefined>(() => ofToken(sessionStorage.getItem(key) ?? ""))
  const [connection, setConnection] = useState<Connection>()
  useEffect(() => {
    if (person === undefined) return
    sessionStorage.setItem(key, tokenOf(person))
    let made: Connection | undefined
    let isOver = false
    void connect(person).then((connected) => {
      if (isOver) return connected.close()
      made = connected
      setConnection(connected)
    })
    return () => {
      isOver = true
      setConnection(undefined)
      made?.close()
    }
  }, [person])
  if (person === undefined) return <SignIn onSignIn={setPerson} />
  if (connection === undefined) return <p class="empty">The shop opens …</p>
  const leave = () => {
    sessionStorage.removeItem(key)
    setPerson(undefined)
  }
  return (
    <ConnectionProvider value={connection}>
      <Inside onLeave={leave} />
    </ConnectionProvider>
  )
}

const Inside = ({ onLeave }: { readonly onLeave: () => void }) => {
  const { person } = useConnection()
  const path = usePath()
  const cart = useRow(Carts, person.id)
  const pieces = cart.row._tag === "Some"
    ? cart.row.value.pieces.reduce((sum, { quantity }) => sum + quantity, 0)
    : 0
  return (
    <>
      <a class="skip" href="#main">To the content</a>
      <header class="top">
        <a class="brand" href="#/">
          <Mark />
          Strata
        </a>
        <nav aria-label="Shop">
          <Tab path={path} to="/">Catalogue</Tab>
          <Tab path={path} to="/cart">
            Cart <span class="badge" aria-label={`${pieces} in it`} data-testid="cart-count">{pieces}</span>
          </Tab>
          <Tab path={path} to="/orders">My orders</Tab>
          {person.isStaff && <Tab path={path} to="/warehouse">Warehouse</Tab>}
        </nav>
        <div class="person">
          <span>{person.id}</span>
          <button type="button" class="quiet" onClick={onLeave}>Sign out</button>
        </div>
      </header>
      <Failures />
      <main id="main" tabIndex={-1}>
        <View path={path} />
      </main>
      <Layers />
    </>
  )
}

const View = ({ path }: { readonly path: string }) => {
  const { person } = useConnection()
  if (path === "/cart") return <CartPage />
  if (path === "/orders") return <OrderList />
  if (path.startsWith("/orders/")) return <OrderPage key={path} id={path.slice("/orders/".length)} />
  if (path === "/warehouse" && person.isStaff) return <Warehouse />
  return <Catalogue />
}

const Tab = ({ children, path, to }: {
  readonly children: preact.ComponentChildren
  readonly path: string
  readonly to: string
}) => (
  <a href={`#${to}`} aria-current={path === to || (to !== "/" && path.startsWith(`${to}/`)) ? "page" : undefined}>
    {children}
  </a>
)
