/**
 * This node's record, made from its state.
 */
import type { Ip } from "./address.ts";
import type { DrainKey } from "./document/drain.ts";
import type { OpenCount } from "./pool/drained_connections.ts";
import { claimsOf } from "./cluster/pulse_schedule.ts";
import { freeVips } from "./cluster/liveness.ts";
import { ownUnfit } from "./cluster/member.ts";
import { ownVerdict } from "./pool/pool.ts";
import { type NodeRecord, RECORD_VERSION, type Verdict } from "./cluster/record.ts";
import { REASON_LENGTH_MAX } from "./limits.ts";
import { serviceKey } from "./service/service.ts";
import type { State } from "./state.ts";

/** What only the caller knows. */
export interface RecordContext {
  /** Monotonic and wall clock of the same moment. */
  readonly now: number;
  readonly wallMs: number;
  readonly sequence: number;
  /** Digest of the cluster document. */
  readonly documentDigest: string;
  /** See {@link openConnections}. */
  readonly open?: Readonly<Record<DrainKey, OpenCount>>;
}

/** Makes the record of this node. */
export function ownRecord(state: State, context: RecordContext): NodeRecord {
  const { self } = state;
  return {
    format: RECORD_VERSION,
    cluster: self.cluster,
    id: self.id,
    name: self.name,
    peer: self.peer,
    ...(self.pulseKey === undefined ? {} : { pulseKey: self.pulseKey }),
    version: self.version,
    boot: self.boot,
    sequence: context.sequence,
    paths: [...self.paths],
    port: self.port,
    director: self.director,
    realServer: self.realServer,
    priority: self.priority,
    vips: Object.fromEntries(
      state.vips.map((vip) => [vip, ownUnfit(state, vip)?.slice(0, REASON_LENGTH_MAX) ?? null]),
    ),
    deadMs: self.deadMs,
    phase: state.phase === "stopped" ? "left" : state.phase === "leaving" ? "leaving" : "running",
    claims: Object.fromEntries(
      [...claimsOf(state, context.now)].map(([vip, claim]) => [vip, claim.epoch]),
    ),
    ...epochsOfFree(state),
    verdicts: self.realServer ? verdictsOf(state, context) : {},
    ...(state.free === null ? {} : { free: state.free }),
    ...(context.open === undefined ? {} : { open: context.open }),
    ...(state.token === null ? {} : { token: state.token }),
    wallMs: Math.floor(context.wallMs),
    document: context.documentDigest,
  };
}

/** See {@link NodeRecord.epochs}: of a VIP that is held, its holder's claim says which epoch counts. */
function epochsOfFree(state: State): Pick<NodeRecord, "epochs"> {
  const seen = freeVips(state).flatMap((vip): [Ip, number][] => {
    const epoch = state.epochs.get(vip);
    return epoch === undefined ? [] : [[vip, epoch]];
  });
  return seen.length === 0 ? {} : { epochs: Object.fromEntries(seen) };
}

/** Only of services this node is a server of: others could be thousands, and the record goes out every second. */
function verdictsOf(state: State, context: RecordContext): Record<string, Verdict> {
  const verdicts: Record<string, Verdict> = {};
  for (const service of state.document.services.values()) {
    if (!service.members) continue;
    const key = serviceKey(service);
    const history = state.own.get(key);
    const { up, reason, held, advice } = ownVerdict(state, service);
    verdicts[key] = {
      up,
      reason: reason.slice(0, REASON_LENGTH_MAX),
      sinceMs: history?.sinceMs ?? context.wallMs,
      tookMs: history?.tookMs ?? 0,
      ...(held ? { held } : {}),
      ...(advice === undefined
        ? {}
        : { advice: { ...advice, words: advice.words.slice(0, REASON_LENGTH_MAX) } }),
    };
  }
  return verdicts;
}
