/** Five releases of one code base, each as it was on its day. */
import { release as release1 } from "./releases/release1.ts"
import { release as release2 } from "./releases/release2.ts"
import { release as release3 } from "./releases/release3.ts"
import { release as release4 } from "./releases/release4.ts"
import { release as release5 } from "./releases/release5.ts"

export const releases = [release1, release2, release3, release4, release5] as const
