/**
 * What a probe of any kind is, and what all of them share.
 */
import type { SecureContext } from "node:tls";
import type { CheckKind, CheckOf, SecureCheck } from "../../core/check.ts";
import type { Pattern } from "../../core/regex.ts";
import type { ProbeResult, ProbeTarget } from "../../ports.ts";
import type { ProbeContext } from "./attempt.ts";

/** What costs time to make and is used by many probes. */
export interface ProbeTools {
  /** The compiled expression; a text says why it cannot be compiled; null expects nothing. */
  pattern(expect: string | null): Pattern | string | null;
  /** Whom a check trusts, and the certificate this node shows. Throws when its files cannot be read or used. */
  secureContext(check: SecureCheck): SecureContext;
}

/** Makes one probe: resolves with its result, or null when it says nothing about the target. Never rejects. */
export type ProbeOf<Kind extends CheckKind> = (
  target: ProbeTarget<CheckOf<Kind>>,
  context: ProbeContext & ProbeTools,
) => Promise<ProbeResult | null>;
