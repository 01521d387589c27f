/**
 * Whom an earlier run of this agent left in the kernel's table: see core/pool/inherited.ts.
 */
import type { ServiceKey } from "../service/service_name.ts";

/** Servers (`address:port`) with weight in the kernel's rows, by service. */
export type InheritedRows = ReadonlyMap<ServiceKey, ReadonlySet<string>>;
