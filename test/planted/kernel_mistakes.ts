/**
 * Mistakes in what a node wants of its kernel, and in what its agent does about it.
 */
import type { Mistake } from "./mistake.ts";

const ROW = "src/core/desired/desired_row.ts";
const NETWORK = "src/agent/network_lane.ts";

/** Which server gets connections. */
const tables: readonly Mistake[] = [
  {
    name: "idle at one look",
    breaks: "a standby removes a server of whose connection it is just being told",
    file: "src/core/table/plan.ts",
    right: "return drainedServers(before).intersection(drainedServers(now));",
    wrong: "return before === null ? new Set() : drainedServers(now);",
    plan: "told_late_of_a_connection",
  },
  {
    name: "bad news of a dead node forgotten",
    breaks: "a node that returns gets connections although its holder could not reach it",
    file: "src/core/tick.ts",
    right: "for (const [key, { up }] of reached) if (up) reached.delete(key);",
    wrong: "reached.clear();",
    plan: "back_and_not_reached",
  },
  {
    name: "standby's pool spreads",
    breaks: "two tables forward to each other",
    file: ROW,
    right: "      return [vip, spreads ? hold.successor : selfId];",
    wrong: "      return [vip, hold?.successor ?? null];",
    kinds: ["moveVip", "partition"],
  },
  {
    name: "rival holders spread",
    breaks: "two holders that meet forward to each other",
    file: ROW,
    right: 'const spreads = hold?.phase === "holding" && !hold.rival;',
    wrong: 'const spreads = hold?.phase === "holding";',
    kinds: ["moveVip", "drainNode"],
  },
  {
    name: "drained servers keep their weight",
    breaks: "a server in maintenance gets new connections",
    file: "src/core/pool/effective_weight.ts",
    right: "return { ...server, weight: 0, drain,",
    wrong: "return { ...server, drain,",
    kinds: ["drainNode"],
  },
  {
    name: "failed servers keep their weight",
    breaks: "new connections go to servers that are down",
    file: ROW,
    right: "if (!strict) return [server, isUp(server) ? server.weight : 0];",
    wrong: "if (!strict) return [server, server.weight];",
    kinds: ["webServer"],
  },
  {
    name: "machines without an agent never up",
    breaks: "a server on a machine without an agent gets no connections",
    file: "src/core/pool/pool.ts",
    right: "return verdictOf(state, key, { history: state.external.get(key), check });",
    wrong:
      "return { ...verdictOf(state, key, { history: state.external.get(key), check }), up: false };",
    kinds: ["outsider"],
  },
  {
    name: "machines without an agent always up",
    breaks: "a server on a machine without an agent gets connections though it does not work",
    file: "src/core/pool/pool.ts",
    right: "return verdictOf(state, key, { history: state.external.get(key), check });",
    wrong:
      "return { ...verdictOf(state, key, { history: state.external.get(key), check }), up: true };",
    kinds: ["outsider"],
  },
  {
    name: "dead nodes stay in pools",
    breaks: "new connections go to a dead node",
    file: "src/core/pool/pool.ts",
    right: "  const up = absent === null && verdict.up;",
    wrong: "  const up = verdict.up;",
    kinds: ["crash"],
  },
  {
    name: "holder's own look ignored",
    breaks: "new connections go to a server that says it is up, and that the holder does not reach",
    file: "src/core/pool/pool.ts",
    right: "    : combineVerdicts(own, reached);",
    wrong: "    : own;",
    kinds: ["split", "oneWay", "unplug"],
  },
  {
    name: "bypass not switched on",
    breaks: "the table of a standby looks at packets",
    file: "src/core/desired/desired_switches.ts",
    right: '      isActive(state) ? "0" : "1",',
    wrong: '      "0",',
    kinds: ["moveVip", "crash"],
  },
  {
    name: "bypass not switched off",
    breaks: "a holder balances nothing",
    file: "src/core/desired/desired_switches.ts",
    right: '      isActive(state) ? "0" : "1",',
    wrong: '      "1",',
    kinds: ["crash", "moveVip"],
  },
  {
    name: "VIP on lo not silent",
    breaks: "every real server answers ARP for the VIP",
    file: "src/core/desired/desired_switches.ts",
    right: '      name: `${folder(4, name)}.arp_ignore`,\n      value: "1",',
    wrong: '      name: `${folder(4, name)}.arp_ignore`,\n      value: "0",',
    kinds: ["crash"],
  },
];

/** What the agent does about it. */
const deeds: readonly Mistake[] = [
  {
    name: "put back before hearing",
    breaks: "who stood still takes a VIP back that another has",
    file: NETWORK,
    right: "if (present === undefined && isUnsure) return;",
    wrong: "",
    plan: "gone_while_it_stood_still",
  },
  {
    name: "lease renewed too late",
    breaks: "the VIP lapses between two renewals",
    file: NETWORK,
    right: "now - hold.renewedMs >= RENEW_MS);",
    wrong: "now - hold.renewedMs >= 10 * RENEW_MS);",
    kinds: ["webServer"],
  },
  {
    name: "lifetime that somebody else gave left",
    breaks: "a killed agent's kernel answers for ever for the VIP that a script has put there, too",
    file: NETWORK,
    right: "lifetimeS(present) > LEASE_S;",
    wrong: "lifetimeS(present) < 0;",
    plan: "lease_taken_from_a_held_vip",
  },
  {
    name: "VIP without a lifetime",
    breaks: "a killed agent's kernel answers for the VIP for ever",
    file: NETWORK,
    right: "      validSeconds: want.leaseS,",
    wrong: "      validSeconds: null,",
    kinds: ["kill"],
  },
  {
    name: "unwanted address left",
    breaks: "who lets a VIP go goes on answering for it",
    file: NETWORK,
    right: "this.#ledger.has(item.address) && isHost(item) && !isWanted(item)",
    wrong: "this.#ledger.has(item.address) && isHost(item) && item.prefixLength === 0",
    kinds: ["moveVip", "partition"],
  },
  {
    name: "address not looked at again",
    breaks: "a VIP that somebody deleted does not come back",
    file: NETWORK,
    right: "    if (!force && now - this.#lookedMs < periodMs) return;",
    wrong: "    if (!force && this.#lookedMs > 0) return;",
    kinds: ["addressDeleted", "addressAdded"],
  },
  {
    name: "cable not looked at while the LAN is asked",
    breaks:
      "a node without a cable takes the silence for a free VIP, and answers beside the holder when it is back",
    file: NETWORK,
    right: "    const periodMs = state.witnesses.size > 0 ? WITNESS_ASK_MS : NETWORK_MS;",
    wrong: "    const periodMs = NETWORK_MS;",
    plan: "asks_without_a_carrier",
  },
  {
    name: "table not looked at again",
    breaks: "rows that somebody deleted do not come back",
    file: "src/agent/table_lane.ts",
    right: "    const lookDue = this.#observed === null || clock.now() >= this.#lookAtMs;",
    wrong: "    const lookDue = this.#observed === null;",
    kinds: ["tableCleared", "weightsChanged"],
  },
  {
    name: "refused address not told",
    breaks: "a holder that cannot have the address keeps its claim",
    file: NETWORK,
    right: "      if (leased && present === undefined) {",
    wrong: "      if (leased && made.prefixLength === 0) {",
    kinds: ["refused"],
  },
  {
    name: "documents not exchanged",
    breaks: "edits that were made during a partition stay where they were",
    file: "src/agent/document_exchanges.ts",
    right: "      if (peer === undefined || peer.record.document === digest) continue;",
    wrong: "      if (peer === undefined || peer.record.document !== null) continue;",
    kinds: ["partition", "changeService", "addService"],
  },
];

/** See the head of this file. */
export const kernelMistakes: readonly Mistake[] = [...tables, ...deeds];
