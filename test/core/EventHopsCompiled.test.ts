/** The same where schemas are compiled, as they are in programs. */
import "effect/schema/SchemaJITCompiler/enable"

import "./Change.test.ts"
import "./Event.test.ts"
import "./EventHops.test.ts"
import "./EventWrite.test.ts"
