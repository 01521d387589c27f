/**
 * What is probed, on whose behalf, and how a probe ended.
 */
import type { Ip } from "../address.ts";
import type { Advice } from "./advice.ts";
import type { Check } from "../check.ts";
import type { ServiceKey } from "../service/service.ts";

/** One thing to probe. Equal keys are one probe, however many services use it. */
export interface ProbeTarget<Kind extends Check = Check> {
  readonly key: string;
  readonly address: Ip;
  readonly port: number;
  readonly check: Kind;
  /** On whose behalf; only for kinds that ask differently for every service, see PER_SERVICE in health_lane.ts. */
  readonly subject?: ProbeSubject;
}

/** The service and the server a probe is about. */
export interface ProbeSubject {
  /** The service's key: `tcp/192.0.2.1:80`, `fwm/100`. */
  readonly service: ServiceKey;
  /** The VIP; of a mark service, the mark. */
  readonly vip: string;
  /** 0 for a mark service and for all ports. */
  readonly vipPort: number;
  /** The node's name; null for a server without an agent. */
  readonly node: string | null;
  /** A node of the cluster, or a server without an agent. */
  readonly kind: "member" | "server";
}

/** The outcome of one probe. */
export interface ProbeResult {
  readonly ok: boolean;
  /** In words: "200 in 3 ms", "connection refused". */
  readonly reason: string;
  readonly tookMs: number;
  /** What the server says of its own weight and state; absent when the check does not ask for it. */
  readonly advice?: Advice;
}

/** Result of a probe of a target, by its key. */
export type ProbeListener = (key: string, result: ProbeResult) => void;
