import { Project } from "@varve/cli"
import { Loans } from "../../examples/loans/src/Loans.ts"
import { layer } from "../cli/checkup/Held.ts"

export default Project.make({ domains: [Loans], store: () => layer })
