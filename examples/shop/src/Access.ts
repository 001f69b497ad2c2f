/**
 * Who may do what in the shop, and how the server learns who somebody is.
 */
import { Policy } from "@varve/core"
import { Api } from "@varve/http"
import { Effect, type Layer, Option, Redacted } from "effect"
import { HttpApiMiddleware, HttpApiSecurity } from "effect/http-api"
import * as Person from "./domain/Person.ts"
import { Shop } from "./domain/Shop.ts"

// #region rules
interface Asked {
  readonly actor: Policy.Actor
}

const staff = Policy.hasRole("staff")
const server = Policy.hasRole("server")
/** Whose cart it is. */
const owner = ({ actor, id }: Asked & { readonly id: string }): boolean => actor.id === id
/** Who has ordered. Of an order that is not there nobody has anything, and `decide` rejects. */
const buyer = ({ actor }: Asked, state: object): boolean => !("customer" in state) || state.customer === actor.id

export const policy: Policy.Policy = Policy.make(Shop, {
  Product: {
    commands: {
      AddProduct: staff,
      RepriceProduct: staff,
      ReceiveStock: staff,
      ReserveStock: server,
      ReleaseStock: server,
      DispatchStock: server
    },
    read: Policy.everyone
  },
  Cart: {
    commands: { AddToCart: owner, RemoveFromCart: owner, CheckOut: owner },
    read: owner
  },
  Order: {
    commands: {
      PlaceOrder: server,
      RefuseOrder: server,
      ShipOrder: staff,
      PayOrder: buyer,
      CancelOrder: buyer,
      ReturnOrder: buyer
    },
    // The id is random. Whoever has it has it from its customer, or from the shop.
    read: Policy.everyone
  },
  Catalogue: { get: Policy.everyone, list: Policy.everyone },
  Carts: { get: ({ actor, key }) => actor.id === key, list: Policy.nobody },
  Orders: {
    get: ({ actor }, row) => staff({ actor }) || Option.isNone(row) || row.value.customer === actor.id,
    list: ({ actor, where }) => staff({ actor }) || where.customer === actor.id
  },
  PackingList: { get: staff, list: staff },
  Stock: { get: staff, list: staff },
  SalesPerDay: { get: staff, list: staff }
})
// #endregion

// #region sign-in
/** A token of the demonstration: as a bearer, or in the address of a WebSocket, to which a browser adds no header. */
export class SignedIn extends HttpApiMiddleware.Service<SignedIn>()("shop/SignedIn", {
  security: {
    bearer: HttpApiSecurity.bearer,
    query: HttpApiSecurity.apiKey({ in: "query", key: "token" })
  },
  error: Api.Unauthenticated
}) {}

const authenticate = (credential: Redacted.Redacted) => {
  const person = Person.ofToken(Redacted.value(credential))
  return person === undefined
    ? Effect.fail(new Api.Unauthenticated({}))
    : Effect.succeed({ id: person.id, roles: person.isStaff ? ["staff"] : [] })
}

export const layerSignedIn: Layer.Layer<SignedIn> = Api.layerSecurity(SignedIn, {
  bearer: authenticate,
  query: authenticate
})
// #endregion
