/**
 * Where the parts of the shop are over HTTP, for those whose aggregate and read model have one name in the plural.
 */

// #region paths
export const prefix = "/api"

export const paths = { Carts: "cart-contents", Orders: "order-list" }
// #endregion
