/** Who and what the tests of the shop speak of. */
import { CustomerId, OrderId, ProductId } from "@varve/example-shop/domain/Values"

export const ada = CustomerId.make("ada")
export const bob = CustomerId.make("bob")

export const lens = ProductId.make("hand-lens")
export const core = ProductId.make("varve-core")

export const first = OrderId.make("order-1")
export const second = OrderId.make("order-2")
