/**
 * Deliberate mistakes of one line in the parts that decide. Each one must be caught by a run of the simulator: what
 * is not shows a hole in what the simulator asks.
 */

/** A mistake: in `file`, `right` becomes `wrong`. */
export interface Mistake {
  readonly name: string;
  /** What it breaks, in words. */
  readonly breaks: string;
  /** From the top of the repository. */
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly right: string;
  readonly wrong: string;
  /** Kinds of faults that bring it to light, so that the search is short; left out: all. */
  readonly kinds?: readonly string[];
}

const OWNERSHIP = "src/core/ownership.ts";
const TICK = "src/core/tick.ts";
const STEP = "src/core/step.ts";
const PEERS = "src/core/step_peers.ts";
const EXCHANGES = "src/agent/document_exchanges.ts";
const LIVENESS = "src/core/liveness.ts";
const ROW = "src/core/desired_row.ts";
const NETWORK = "src/agent/network_lane.ts";

/** Who holds a VIP. */
const claims: readonly Mistake[] = [
  {
    name: "epochs compared the wrong way",
    breaks: "of two claims the older one wins",
    file: OWNERSHIP,
    right: "(b.claim?.epoch ?? -1) - (a.claim?.epoch ?? -1)",
    wrong: "(a.claim?.epoch ?? -1) - (b.claim?.epoch ?? -1)",
    kinds: ["partition", "unplug"],
  },
  {
    name: "equal claims not settled",
    breaks: "of two claims with one epoch and one priority each claimer prefers its own",
    file: OWNERSHIP,
    right: "b.priority - a.priority || compareText(a.id, b.id);",
    wrong: "b.priority - a.priority;",
    kinds: ["partition", "kill", "crash", "unplug"],
  },
  {
    name: "loser does not let go",
    breaks: "a holder keeps the VIP though another claim is higher",
    file: OWNERSHIP,
    right: "if (incumbent !== undefined && incumbent.id !== selfId) {",
    wrong: "if (incumbent !== undefined && incumbent.name === selfId) {",
    kinds: ["partition", "unplug"],
  },
  {
    name: "LAN not asked",
    breaks: "a VIP is claimed while a machine whose agent is dead still answers for it",
    file: OWNERSHIP,
    right: "return decideByWitness(state, { vip, now, epoch });",
    wrong: 'return { act: "claim", reason: "nobody pulses", epoch };',
    kinds: ["kill", "deafOrMute", "pause"],
  },
  {
    name: "answers of the LAN not heeded",
    breaks: "the LAN is asked, and what it says does not matter",
    file: OWNERSHIP,
    right: "witness.firstAskedMs) < WITNESS_SILENT_MS) {",
    wrong: "witness.firstAskedMs) < 0) {",
    kinds: ["kill", "deafOrMute", "pause"],
  },
  {
    name: "live holder counts as one that hands over",
    breaks: "the next candidate takes the VIP from a holder that keeps it",
    file: OWNERSHIP,
    right: "const yields = incumbent?.claim?.yielding === true;",
    wrong: "const yields = incumbent?.claim !== undefined;",
    kinds: ["webServer", "weather"],
  },
  {
    name: "unfit nodes are candidates",
    breaks: "everybody waits for a node that cannot hold the VIP",
    file: OWNERSHIP,
    right: "member.director && member.unfit === null && !member.leaving && !member.starting",
    wrong: "member.director && !member.leaving && !member.starting",
    kinds: ["carrier", "crash", "kill"],
  },
  {
    name: "nodes that only serve are candidates",
    breaks: "everybody waits for a node that is no director",
    file: OWNERSHIP,
    right: "member.director && member.unfit === null && !member.leaving && !member.starting",
    wrong: "member.unfit === null && !member.leaving && !member.starting",
    kinds: ["crash", "kill"],
  },
  {
    name: "each node prefers itself",
    breaks: "the order of candidates is not the same everywhere, so several claim at once",
    file: OWNERSHIP,
    right: "spreadHash(b.id + leader) - spreadHash(a.id + leader) ||",
    wrong: "Number(b.id === state.self.id) - Number(a.id === state.self.id) ||",
    kinds: ["crash", "partition"],
  },
  {
    name: "priority the wrong way",
    breaks: "the node that should hold a VIP least is chosen",
    file: OWNERSHIP,
    right: "return place(a) - place(b) || b.priority - a.priority;",
    wrong: "return place(a) - place(b) || a.priority - b.priority;",
    kinds: ["crash", "kill"],
  },
  {
    name: "move order never spent",
    breaks: "an order to move a VIP holds for ever",
    file: OWNERSHIP,
    right: "move.fromEpoch === (state.epochs.get(vip) ?? 0) ? move.to : null;",
    wrong: "move.fromEpoch <= (state.epochs.get(vip) ?? 0) ? move.to : null;",
    kinds: ["moveVip", "crash"],
  },
  {
    name: "drain ignored at takeover",
    breaks: "a drained node takes VIPs though another could",
    file: OWNERSHIP,
    right: "      Number(givesVipsAway(state, a.id)) - Number(givesVipsAway(state, b.id)) ||\n",
    wrong: "",
    kinds: ["drainNode", "crash"],
  },
  {
    name: "group torn apart",
    breaks: "VIPs of one group are held by several nodes",
    file: OWNERSHIP,
    right: "if (leader !== vip) return decideFollower(state, vip, { leader, now });",
    wrong: "",
    kinds: ["moveVip", "crash"],
  },
  {
    name: "leaving holder hands over to nobody",
    breaks: "a planned restart leaves the VIP silent",
    file: OWNERSHIP,
    right: "    if (now - state.phaseMs >= LEAVE_WAIT_MS) {",
    wrong: "    if (now - state.phaseMs >= 0) {",
    kinds: ["restart"],
  },
];

/** What time and news change. */
const facts: readonly Mistake[] = [
  {
    name: "expired lease kept",
    breaks: "a holder that was paused puts the VIP back when it wakes",
    file: TICK,
    right: 'if (hold.phase !== "holding" || now - hold.renewedMs < LEASE_S * 1_000) continue;',
    wrong: 'if (hold.phase !== "holding" || now - hold.renewedMs < LEASE_S * 1e9) continue;',
    kinds: ["pause", "suspend"],
  },
  {
    name: "own pause not noticed",
    breaks: "a node that stood still takes its own deafness for everybody's death",
    file: TICK,
    right: "  if (gapMs < CLOCK_GAP_MS) return;",
    wrong: "  if (gapMs >= 0) return;",
    kinds: ["pause", "suspend"],
  },
  {
    name: "new holder does not announce",
    breaks: "clients go on sending to the old holder",
    file: TICK,
    right: "    announceFromMs: made.now,\n    announced: 0,",
    wrong: "    announceFromMs: made.now,\n    announced: 1e9,",
    kinds: ["crash", "moveVip"],
  },
  {
    name: "winner does not announce again",
    breaks: "after a partition clients go on sending to the loser",
    file: TICK,
    right: "    if (!rival) announceAgain(hold, now);",
    wrong: "",
    kinds: ["partition", "unplug"],
  },
  {
    name: "starting node decides at once",
    breaks: "a node that has just started claims what others hold",
    file: TICK,
    right: "now - state.trustedFromMs >= state.self.deadMs + START_EXTRA_MS",
    wrong: "now - state.trustedFromMs >= 0",
    kinds: ["kill", "crash", "restart"],
  },
  {
    name: "removed VIP kept",
    breaks: "a VIP that operators removed stays where it was",
    file: TICK,
    right: "  for (const vip of state.holds.keys()) {\n    if (state.vips.includes(vip)) continue;",
    wrong: "  for (const vip of state.holds.keys()) {\n    if (vip.length > 0) continue;",
    kinds: ["addService"],
  },
  {
    name: "refused address never tried again",
    breaks: "a node whose kernel refused a VIP once is unfit for ever",
    file: TICK,
    right: "    if (now < untilMs) continue;",
    wrong: "    if (untilMs > 0) continue;",
    kinds: ["refused", "refusedOnce", "crash"],
  },
  {
    name: "rival not seen",
    breaks: "two holders after a partition both spread, and connections run in circles",
    file: TICK,
    right: "    hold.rival = rival;\n    state.tableVersion++;",
    wrong: "    hold.rival = false;\n    state.tableVersion++;",
    kinds: ["partition", "unplug"],
  },
  {
    name: "claims in pulses not noted",
    breaks: "nobody learns from pulses who holds a VIP",
    file: PEERS,
    right: "  life.claims = pulse.claims;",
    wrong: "",
    kinds: ["partition", "crash", "unplug"],
  },
  {
    name: "epochs in pulses not noted",
    breaks: "a new claim is no higher than the one before it",
    file: PEERS,
    right: "  for (const [vip, claim] of pulse.claims) noteEpoch(state, vip, claim.epoch);",
    wrong: "",
    kinds: ["partition", "crash", "kill"],
  },
  {
    name: "earlier run of a peer believed",
    breaks: "what was on its way when a node started again counts for its new run",
    file: PEERS,
    right: "if (peer === undefined || pulse.boot < peer.life.boot) return;",
    wrong: "if (peer === undefined) return;",
    kinds: ["kill", "weather", "crash"],
  },
  {
    name: "new run of a peer not met",
    breaks: "a node that starts again is taken for its earlier run",
    file: PEERS,
    right: "  if (pulse.boot > peer.life.boot) meetNewRun(state, peer, { boot: pulse.boot, now });",
    wrong: "",
    kinds: ["kill", "crash", "restart"],
  },
  {
    name: "missing socket ignored",
    breaks: "a server whose daemon died gets connections until a check fails",
    file: STEP,
    right: "    state.own.set(key, goneHistory(state.own.get(key), reason, wallMs));",
    wrong: "",
    kinds: ["webServer"],
  },
  {
    name: "bypass believed",
    breaks: "a node takes its table for bypassed when the kernel does not",
    file: STEP,
    right: "      state.bypassed = fact.on;",
    wrong: "      state.bypassed = true;",
    kinds: ["refused", "kill", "moveVip", "crash"],
  },
  {
    name: "slow beat taken for death",
    breaks: "peers that pulse once a second are dead in between",
    file: LIVENESS,
    right: "const deadMs = Math.max(state.self.deadMs, MISSED_PULSES_MAX * life.promisedMs);",
    wrong: "const deadMs = state.self.deadMs;",
    kinds: ["crash", "kill", "restart"],
  },
  {
    name: "silence never means death",
    breaks: "a dead holder is waited for for ever",
    file: LIVENESS,
    right: "  if (silentMs >= deadMs || stillDead) {",
    wrong: "  if (stillDead) {",
    kinds: ["crash", "kill"],
  },
  {
    name: "dead peer alive after a pause",
    breaks: "a node that was paused gives new connections to one that died before",
    file: LIVENESS,
    right: "const stillDead = life.diedMs > Math.max(life.heardMs, life.metMs);",
    wrong: "const stillDead = false;",
    kinds: ["pause", "suspend", "crash"],
  },
];

/** Which server gets connections. */
const tables: readonly Mistake[] = [
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
    kinds: ["partition", "unplug"],
  },
  {
    name: "weight 0 ignored",
    breaks: "a drained server gets new connections",
    file: ROW,
    right: "      : isUp(server) && server.weight > 0;",
    wrong: "      : isUp(server);",
    kinds: ["drainNode", "moveVip"],
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
    name: "dead nodes stay in pools",
    breaks: "new connections go to a dead node",
    file: "src/core/pool.ts",
    right: "  const up = absent === null && verdict.up;",
    wrong: "  const up = verdict.up;",
    kinds: ["crash"],
  },
  {
    name: "bypass not switched on",
    breaks: "the table of a standby looks at packets",
    file: "src/core/desired_switches.ts",
    right: '      isActive(state) ? "0" : "1",',
    wrong: '      "0",',
    kinds: ["moveVip", "crash"],
  },
  {
    name: "bypass not switched off",
    breaks: "a holder balances nothing",
    file: "src/core/desired_switches.ts",
    right: '      isActive(state) ? "0" : "1",',
    wrong: '      "1",',
    kinds: ["crash", "moveVip"],
  },
  {
    name: "VIP on lo not silent",
    breaks: "every real server answers ARP for the VIP",
    file: "src/core/desired_switches.ts",
    right: '      name: `${folder(4, name)}.arp_ignore`,\n      value: "1",',
    wrong: '      name: `${folder(4, name)}.arp_ignore`,\n      value: "0",',
    kinds: ["crash"],
  },
];

/** What the agent does about it. */
const deeds: readonly Mistake[] = [
  {
    name: "lease renewed too late",
    breaks: "the VIP lapses between two renewals",
    file: NETWORK,
    right: "now - hold.renewedMs >= RENEW_MS);",
    wrong: "now - hold.renewedMs >= 10 * RENEW_MS);",
    kinds: ["webServer"],
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
    name: "starting node renews",
    breaks: "an agent that starts again keeps a VIP that another may have taken",
    file: NETWORK,
    right: '    if (leased && state.phase === "starting") return;',
    wrong: "",
    kinds: ["kill", "killAtStep", "pause"],
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
    right: "    if (!force && now - this.#lookedMs < NETWORK_MS) return;",
    wrong: "    if (!force && this.#lookedMs > 0) return;",
    kinds: ["addressDeleted", "addressAdded"],
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
    file: EXCHANGES,
    right: "      if (peer === undefined || peer.record.document === digest) continue;",
    wrong: "      if (peer === undefined || peer.record.document !== null) continue;",
    kinds: ["partition", "changeService", "addService"],
  },
  {
    name: "earlier epoch forgotten",
    breaks: "an agent that starts again adopts its VIP with an epoch of 0",
    file: "src/agent/agent.ts",
    right: 'step(this.state, { kind: "adopt", vip, epoch, remainingMs: bounded }, now);',
    wrong: 'step(this.state, { kind: "adopt", vip, epoch: 0, remainingMs: bounded }, now);',
    kinds: ["kill", "partition"],
  },
];

/** See the head of this file. */
export const mistakes: readonly Mistake[] = [...claims, ...facts, ...tables, ...deeds];
